"""Interval flatness against closed forms and against float64 roots of dense forward passes."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from dropscape.errors import ConfigurationError, RandomObjectiveError
from dropscape.flatness.interval import interval_flatness
from dropscape.models.block import block_vector, split_vector
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import smoothed_entropy, training_loss

FACTORS = (2.0, 1.5, 3.0, 4.0)


def trained(widths=(8, 10, 9, 4), activation="relu", steps=150, n=120, seed=0):
    """A float64 network that fits most of its random labels, so that the loss is small but not zero."""
    torch.manual_seed(seed)
    model = FullyConnected(widths, activation).double()
    inputs, targets = torch.randn(n, widths[0], dtype=torch.float64), torch.randint(0, widths[-1], (n,))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    model.zero_grad(set_to_none=True)
    return model, inputs, targets


def unit_vectors(count, size, seed=1):
    vectors = torch.randn(count, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return vectors / vectors.norm(dim=1, keepdim=True)


def scanned_crossing(loss, level):
    """Oracle: the first sign change on a grid five times finer than the search's, refined by brentq."""
    previous = 0.0
    for t in np.geomspace(3e-2, 1e3, 75):
        if loss(t) >= level:
            return brentq(lambda s: loss(s) - level, previous, t, xtol=1e-14, rtol=1e-13)
        previous = t
    return math.nan


def dense_widths(model, block, inputs, targets, directions, factors, side_losses=cross_entropy):
    """Left and right crossings (K, F) from full float64 forward passes."""
    model, inputs = copy.deepcopy(model).double(), inputs.double()
    origin = {name: model.get_parameter(name).detach().clone() for name in block}
    crossings = np.empty((2, len(directions), len(factors)))
    for k, direction in enumerate(directions):
        pieces = split_vector(model, block, direction.double())

        @torch.no_grad()
        def loss(t, pieces=pieces):
            moved = {name: origin[name] + t * piece for name, piece in pieces.items()}
            return side_losses(functional_call(model, moved, (inputs,)), targets).item()

        for f, factor in enumerate(factors):
            crossings[0, k, f] = -scanned_crossing(lambda t, loss=loss: loss(-t), factor * loss(0.0))
            crossings[1, k, f] = scanned_crossing(loss, factor * loss(0.0))
    return crossings


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_quadratic_loss_in_closed_form(layer):
    """Identity activation and squared error: the loss is exactly quadratic along any line through one layer.

    The start is an untrained network, far from the minimum of the line, so one side first falls.
    """
    torch.manual_seed(0)
    model = FullyConnected((5, 6, 4, 3), "identity").double()
    inputs, targets = torch.randn(40, 5).double(), torch.randn(40, 3).double()
    block = (f"layers.{layer}.weight", f"layers.{layer}.bias")
    directions = unit_vectors(6, len(block_vector(model, block)))
    with torch.no_grad():
        outputs = model(inputs)
        loss0 = ((outputs - targets) ** 2).sum().item() / 80
        expected = np.empty((6, 4))
        curvatures = torch.empty(6)
        for k, direction in enumerate(directions):
            pieces = split_vector(model, block, direction)
            moved = {name: model.get_parameter(name) + piece for name, piece in pieces.items()}
            change = functional_call(model, moved, (inputs,)) - outputs
            slope = ((outputs - targets) * change).sum().item() / 40
            curvature = (change**2).sum().item() / 40
            curvatures[k] = curvature
            # theta^r - theta^l: the distance of the roots of curvature d^2 / 2 + slope d = (factor - 1) loss0
            expected[k] = [2 * math.sqrt(slope**2 + 2 * curvature * (f - 1) * loss0) / curvature for f in FACTORS]
    for known in (None, curvatures):
        measured = interval_flatness(
            model,
            block,
            (inputs, targets),
            directions=directions,
            factors=FACTORS,
            loss="mse",
            curvatures=known,
            tolerance=1e-9,
        )
        assert measured.loss0 == pytest.approx(loss0, rel=1e-13)
        np.testing.assert_allclose(measured.width, expected, rtol=1e-8)
        assert (measured.left < 0).all() and (measured.right > 0).all() and (measured.reasons == "").all()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("block", [("layers.1.weight",), ("layers.1.weight", "layers.1.bias"), ("layers.2.weight",)])
def test_both_sides_against_dense_forward_passes(activation, block):
    model, inputs, targets = trained(activation=activation)
    directions = unit_vectors(2, len(block_vector(model, block)))
    left, right = dense_widths(model, block, inputs, targets, directions, FACTORS)
    exact = interval_flatness(model, block, (inputs, targets), directions=directions, factors=FACTORS, tolerance=1e-9)
    np.testing.assert_allclose(exact.left, left, rtol=1e-8)
    np.testing.assert_allclose(exact.right, right, rtol=1e-8)
    single = interval_flatness(model.float(), block, (inputs.float(), targets), directions=directions, factors=FACTORS)
    np.testing.assert_allclose(single.width, right - left, rtol=5e-6)


def test_more_layers_after_the_block():
    model, inputs, targets = trained((8, 9, 8, 7, 4), steps=100)
    block = ("layers.1.weight",)
    directions = unit_vectors(3, 72)
    left, right = dense_widths(model, block, inputs, targets, directions, (2.0,))
    measured = interval_flatness(model, block, (inputs, targets), directions=directions)
    np.testing.assert_allclose(measured.width, right - left, rtol=2e-6)


def test_block_across_layers_and_other_modules():
    torch.manual_seed(2)
    inputs, targets = torch.randn(50, 1, 6, 6).double(), torch.randint(0, 3, (50,))
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(32, 3)
    ).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(40):
        optimizer.zero_grad()
        cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    model.zero_grad(set_to_none=True)
    block = ("0.weight", "5.bias")
    directions = unit_vectors(3, 21)
    with pytest.raises(RandomObjectiveError):
        interval_flatness(model, block, (inputs, targets), directions=directions)
    model.eval()
    before = copy.deepcopy(model.state_dict())
    left, right = dense_widths(model, block, inputs, targets, directions, (2.0,))
    measured = interval_flatness(model, block, (inputs, targets), directions=directions)
    np.testing.assert_allclose(measured.width[:, 0], (right - left)[:, 0], rtol=2e-6)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


class Valley(nn.Module):
    """One parameter; the output is a polynomial of it that rises, falls and rises again."""

    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x):
        t = self.position
        return x * (1 + 2 * torch.exp(-((t - 2) ** 2)) - 2 * math.exp(-4) + t**4 / 1e3)


def test_the_closest_crossing_counts():
    """Right of 0 the loss passes the level near 1.2, again downwards near 2.8 and for good beyond 4."""
    inputs = torch.ones(3, 1, dtype=torch.float64)
    model, targets = Valley(), torch.zeros(3, 1, dtype=torch.float64)
    left, right = dense_widths(
        model, ("position",), inputs, targets, torch.ones(1, 1), (2.0,), lambda f, y: ((f - y) ** 2).sum(1).mean() / 2
    )
    assert right[0, 0] < 1.5
    measured = interval_flatness(
        model, ("position",), (inputs, targets), directions=torch.ones(1, 1), loss="mse", tolerance=1e-9
    )
    np.testing.assert_allclose(measured.left, left, rtol=1e-8)
    np.testing.assert_allclose(measured.right, right, rtol=1e-8)


def test_factors_in_any_order_agree_with_one_factor_calls():
    model, inputs, targets = trained()
    directions = unit_vectors(4, 90)
    together = interval_flatness(model, ("layers.1.weight",), (inputs, targets), directions=directions, factors=FACTORS)
    assert together.factors == FACTORS
    for column, factor in enumerate(FACTORS):
        alone = interval_flatness(
            model, ("layers.1.weight",), (inputs, targets), directions=directions, factors=(factor,)
        )
        np.testing.assert_allclose(together.width[:, column], alone.width[:, 0], rtol=2e-6)
    assert (np.diff(together.width[:, np.argsort(FACTORS)], axis=1) > 0).all()


def test_width_above_a_floor_is_that_of_the_loss_less_the_floor():
    """The divergence to smoothed targets, from the cross-entropy and its smallest value."""
    model, inputs, targets = trained()
    block, epsilon = ("layers.1.weight",), 0.1
    directions = unit_vectors(3, len(block_vector(model, block)))
    floor = smoothed_entropy(4, epsilon)
    whole = training_loss("cross_entropy", targets, epsilon)
    options = {"loss": whole, "factors": [2, 2, 4, 2], "floors": [0, floor, floor, 1e3], "tolerance": 1e-9}
    measured = interval_flatness(model, block, (inputs, targets), directions=directions, **options)
    plain = interval_flatness(model, block, (inputs, targets), directions=directions, loss=whole, tolerance=1e-9)
    np.testing.assert_allclose(measured.width[:, :1], plain.width, rtol=1e-8)
    options = {"loss": lambda outputs, classes: whole(outputs, classes) - floor, "factors": [2, 4]}
    divergence = interval_flatness(model, block, (inputs, targets), directions=directions, **options, tolerance=1e-9)
    np.testing.assert_allclose(measured.width[:, 1:3], divergence.width, rtol=1e-8)
    assert (measured.width[:, 0] > 1.1 * measured.width[:, 1]).all()
    assert set(measured.reasons[:, 3]) == {"loss at the minimum is not above its floor"}
    assert np.isnan(measured.width[:, 3]).all() and (measured.reasons[:, :3] == "").all()


def test_few_losses_and_a_count_of_them(monkeypatch):
    from dropscape.flatness.profile import AffineProfile

    counted = []
    plain = AffineProfile.losses
    monkeypatch.setattr(AffineProfile, "losses", lambda self, d: counted.append(len(d)) or plain(self, d))
    model, inputs, targets = trained(n=400, steps=80)
    directions = unit_vectors(10, 90)
    seen = []
    measured = interval_flatness(
        model,
        ("layers.1.weight",),
        (inputs, targets),
        directions=directions,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert measured.evaluations == sum(counted) - 1
    assert measured.evaluations <= 14 * len(directions)
    assert seen == [(k, 10) for k in range(1, 11)]


def test_flat_direction_has_no_width_and_says_why():
    """The inputs of the block's layer that are always 0: the loss does not depend on their weights."""
    model, inputs, targets = trained()
    with torch.no_grad():
        model.layers[0].bias[4] = -1e3
    directions = torch.zeros(1, 90)
    directions[0, 4] = 1
    measured = interval_flatness(model, ("layers.1.weight",), (inputs, targets), directions=directions)
    assert np.isnan([measured.left, measured.right, measured.width]).all()
    assert measured.reasons.tolist() == [["no crossing on either side within max_width"]]


def test_one_sided_crossing_keeps_its_side():
    """Scaling up the output weights of a network that is right everywhere only lowers the loss."""
    model, inputs, _ = trained()
    with torch.no_grad():
        model.layers[2].bias.zero_()
        targets = model(inputs).argmax(1)
    directions = block_vector(model, ("layers.2.weight",))[None]
    directions = directions / directions.norm()
    measured = interval_flatness(
        model, ("layers.2.weight",), (inputs, targets), directions=torch.cat([directions, -directions])
    )
    assert measured.reasons[:, 0].tolist() == [
        f"no crossing on the {side} within max_width" for side in ("right", "left")
    ]
    assert np.isnan(measured.width).all()
    assert measured.left[0, 0] == pytest.approx(-measured.right[1, 0], rel=1e-6)


def test_max_width_bounds_each_side():
    model, inputs, targets = trained()
    directions = unit_vectors(3, 90)
    free = interval_flatness(model, ("layers.1.weight",), (inputs, targets), directions=directions)
    limit = (np.sort(np.concatenate([-free.left[:, 0], free.right[:, 0]]))[2:4]).mean()
    bounded = interval_flatness(model, ("layers.1.weight",), (inputs, targets), directions=directions, max_width=limit)
    np.testing.assert_array_equal(np.isnan(bounded.right), free.right > limit)
    np.testing.assert_array_equal(np.isnan(bounded.left), -free.left > limit)
    kept = ~np.isnan(bounded.right)
    np.testing.assert_allclose(bounded.right[kept], free.right[kept], rtol=2e-6)


def test_zero_loss():
    model = FullyConnected((3, 4, 2), "identity")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    measured = interval_flatness(
        model,
        ("layers.1.weight",),
        (torch.randn(5, 3), torch.zeros(5, 2)),
        directions=unit_vectors(2, 8),
        factors=FACTORS,
        loss="mse",
    )
    assert np.isnan(measured.width).all() and measured.loss0 == 0 and measured.evaluations == 0
    assert set(measured.reasons.ravel()) == {"loss at the minimum is zero"}


def test_loss_that_is_not_a_number():
    model, inputs, targets = trained(steps=1)
    with torch.no_grad():
        model.layers[0].weight[0, 0] = math.nan
    measured = interval_flatness(model, ("layers.1.weight",), (inputs, targets), directions=unit_vectors(2, 90))
    assert set(measured.reasons.ravel()) == {"loss at the minimum is not finite"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"factors": (1.0,)}, "above 1"),
        ({"factors": ()}, "above 1"),
        ({"directions": torch.zeros(2, 89)}, r"\(K, 90\)"),
        ({"loss": "hinge"}, "hinge"),
        ({"block": ("layers.9.weight",)}, "layers.9.weight"),
    ],
)
def test_what_cannot_be_measured_is_refused(change, sentence):
    model, inputs, targets = trained(steps=1)
    arguments = {"block": ("layers.1.weight",), "directions": unit_vectors(2, 90)} | change
    block, directions = arguments.pop("block"), arguments.pop("directions")
    with pytest.raises(ConfigurationError, match=sentence):
        interval_flatness(model, block, (inputs, targets), directions=directions, **arguments)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"factors": 2.0}, "factors is 2.0"),
        ({"factors": ("2",)}, "write a list of numbers above 1"),
        ({"floors": [0.0, 0.0]}, "floors are 2 numbers for 1 factors"),
        ({"curvatures": torch.ones(3)}, "curvatures are 3 numbers for 1 directions"),
        ({"max_width": -1.0}, "write a width above 0"),
        ({"tolerance": 0.0}, "a tolerance between 0 and 1"),
    ],
)
def test_arguments_of_the_search_that_do_not_fit_are_refused(options, sentence):
    model, data = torch.nn.Linear(3, 2), (torch.randn(4, 3), torch.randint(2, (4,)))
    with pytest.raises(ConfigurationError, match=sentence):
        interval_flatness(model, "weight", data, directions=torch.eye(6)[:1], **options)
