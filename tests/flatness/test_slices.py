"""Directions against their definition, slices against float64 forward passes, flatness against closed forms."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from dropscape.errors import ConfigurationError, RandomObjectiveError
from dropscape.flatness.slices import filter_normalised_direction, loss_slices, slice_flatness
from dropscape.models.fnn import FullyConnected
from tests.toy_models import attentive, convolutional, double, mean_token_loss

GRID = np.linspace(-1, 1, 41)


def test_each_filter_has_the_norm_of_the_networks_own():
    model, _, _ = convolutional()
    direction = filter_normalised_direction(model, seed=5)
    for name, value in model.named_parameters():
        found = direction[name]
        if value.ndim == 1:
            assert torch.equal(found, torch.zeros_like(value))
        elif value.ndim == 4:
            torch.testing.assert_close(found.flatten(1).norm(dim=1), value.detach().flatten(1).norm(dim=1))
        else:
            torch.testing.assert_close(found.norm(), value.detach().norm())
    # A dense layer is one filter: its rows do not have the norms of the network's rows.
    rows = direction["head.weight"].norm(dim=1) / model.head.weight.detach().norm(dim=1)
    assert rows.max() / rows.min() > 1.05


def test_two_networks_get_the_same_draw_scaled_to_their_filters():
    first, second = convolutional(seed=1)[0], convolutional(seed=2)[0]
    one, two = (filter_normalised_direction(model, seed=3, index=1) for model in (first, second))
    for name, value in first.named_parameters():
        if value.ndim == 4:
            ratio = two[name].flatten(1) / one[name].flatten(1)
            torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-4, atol=0)
    other = filter_normalised_direction(first, seed=3, index=2)
    assert not torch.allclose(other["first.weight"], one["first.weight"], rtol=0.1)
    again = filter_normalised_direction(first, seed=3, index=1)
    assert all(torch.equal(again[name], one[name]) for name in one)


def test_draw_is_gaussian():
    model = nn.Linear(200, 200)
    nn.init.constant_(model.weight, 1.0)  # norm 200: the direction keeps the draw's size
    values = filter_normalised_direction(model, seed=0)["weight"].flatten()
    assert abs(float(values.mean())) < 4 / 200
    assert float(values.pow(4).mean()) == pytest.approx(3, abs=4 * math.sqrt(96) / 200)


def test_filter_of_zeros_stays_where_it_is():
    model = nn.Conv2d(1, 2, 3)
    with torch.no_grad():
        model.weight[0] = 0
    found = filter_normalised_direction(model, seed=0)["weight"]
    assert torch.equal(found[0], torch.zeros(1, 3, 3)) and found[1].norm() > 0


@pytest.mark.parametrize("kind", ["convolution", "attention", "dense"])
def test_slices_are_the_mean_loss_along_the_direction(kind):
    if kind == "attention":
        (model, inputs, targets), loss, oracle = attentive(n=150), mean_token_loss, mean_token_loss
    else:
        if kind == "convolution":
            model, inputs, targets = convolutional(n=150)
        else:
            model, inputs, targets = FullyConnected((4, 6, 5, 3)), torch.randn(150, 4), torch.randint(3, (150,))
        loss, oracle = "cross_entropy", lambda outputs, wanted: cross_entropy(outputs, wanted, reduction="none")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = loss_slices(model, inputs, targets, [-0.5, 0.0, 0.25], directions=2, seed=7, loss=loss)
    assert found[["direction", "alpha"]].to_numpy().tolist() == [[d, a] for d in (0, 1) for a in (-0.5, 0.0, 0.25)]
    for row in found.itertuples():
        direction = filter_normalised_direction(model, 7, row.direction)
        moved = {name: double(value) for name, value in model.state_dict().items()}
        for name, step in direction.items():
            moved[name] = moved[name] + row.alpha * step.double()
        expected = float(oracle(functional_call(model, moved, (double(inputs),)), targets).mean())
        assert row.loss == pytest.approx(expected, rel=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_active_dropout_is_refused():
    model = nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5), nn.Linear(5, 3))
    with pytest.raises(RandomObjectiveError, match=r"model\.eval\(\)"):
        loss_slices(model, torch.randn(9, 4), torch.randint(3, (9,)), GRID)


def curves(*functions, grid=GRID):
    return pd.concat(
        [
            pd.DataFrame({"direction": k, "alpha": grid, "loss": [f(alpha) for alpha in grid]})
            for k, f in enumerate(functions)
        ]
    ).sample(frac=1, random_state=0)


def test_flatness_of_parabolas_and_lines():
    rise = 0.5
    found = slice_flatness(
        curves(
            lambda a: 0.2 + 8 * a * a,  # reaches 0.7 at 0.25, a grid point
            lambda a: 3 + 2 * abs(a),
            lambda a: 1 + (4 * a if a > 0 else -1 * a),  # steeper on the right: 0.125 and 0.5
        ),
        rise,
        radius=0.5,
    )
    np.testing.assert_allclose(found["half_width"], [0.25, 0.25, (0.125 + 0.5) / 2], rtol=1e-12)
    np.testing.assert_allclose(found["loss0"], [0.2, 3, 1])
    np.testing.assert_allclose(found["curvature"], [16, 2 * 2 / 0.05, 5 / 0.05], rtol=1e-9)
    # means over |alpha| <= 1/2; the trapezoidal rule on a parabola is too large by f'' h^2 / 12
    np.testing.assert_allclose(found["mean_rise"], [8 / 12 + 16 * 0.05**2 / 12, 0.5, (4 + 1) / 2 / 4], rtol=1e-9)
    assert found["reason"].tolist() == ["", "", ""] and (found["rise"] == rise).all()


def test_crossing_is_the_first_one_and_a_loss_that_leaves_the_numbers_is_above():
    wavy = slice_flatness(curves(lambda a: 1 - math.cos(2 * math.pi * a)), rise=1.0)
    assert wavy["half_width"][0] == pytest.approx(0.25, abs=1e-9)
    overflowing = slice_flatness(curves(lambda a: 0.0 if abs(a) < 0.31 else math.inf), rise=1.0, radius=0.2)
    assert overflowing["half_width"][0] == pytest.approx(0.3)
    assert overflowing["mean_rise"][0] == 0


def test_undefined_width_is_nan_with_its_reason():
    found = slice_flatness(
        curves(lambda a: 0.1 * a * a, lambda a: max(a, 0.0), lambda a: 1 - a * a, lambda a: math.nan), rise=0.5
    )
    assert found["half_width"].isna().all()
    sides = ["left and right", "left", "left and right"]
    assert [reason.split(" on the ")[1].split(" of 0")[0] for reason in found["reason"][:3]] == sides
    assert found["reason"][3] == "the loss at 0 is not finite"
    assert found["curvature"][:3].tolist() == pytest.approx([0.2, 1 / 0.05, -2])


@pytest.mark.parametrize(
    ("settings", "grid", "sentence"),
    [
        ({}, np.linspace(-1, 1, 40), "write a grid with 0"),
        ({}, np.array([-1, 0, 0.5]), "equally far neighbours"),
        ({}, np.array([0, 0.5, 1]), "write a grid with 0"),
        ({"rise": 0.0}, GRID, "a positive rise"),
        ({"radius": 2.0}, GRID, "a radius within the grid from -1 to 1"),
    ],
)
def test_grid_rise_and_radius_have_to_allow_the_numbers(settings, grid, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        slice_flatness(curves(lambda a: a * a, grid=grid), **settings)
