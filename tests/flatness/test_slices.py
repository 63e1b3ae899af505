"""Directions against their definition, slices against float64 forward passes, flatness against closed forms."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from dropscape.errors import ConfigurationError, RandomObjectiveError
from dropscape.flatness.slices import filter_normalised_direction, loss_slice, slice_widths
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
    found = loss_slice(model, None, (inputs, targets), loss, alphas=[-0.5, 0.0, 0.25], directions=2, seed=7).table
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
        loss_slice(model, None, (torch.randn(9, 4), torch.randint(3, (9,))), alphas=GRID)


class Curve(nn.Module):
    """A network whose loss (its output) along the line through weight 1 is a given function of alpha >= or <= 0."""

    def __init__(self, function):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, 1, dtype=torch.float64))
        self.function = function

    def forward(self, inputs):
        return self.function(self.weight - 1).expand(len(inputs), 1)


def widths(function, rises=(0.5,), **options):
    inputs, targets = torch.zeros(3, 1, dtype=torch.float64), torch.zeros(3, 1)
    return slice_widths(
        Curve(function), None, (inputs, targets), lambda outputs, _: outputs[:, 0], rises=rises, **options
    )


def test_widths_are_roots_whatever_the_size_of_the_loss_at_zero():
    # One weight: the direction is +1 or -1, so that the two sides of a function may be swapped.
    for loss0 in (0.2, 1e-9, 0.0, -3.0):
        found = widths(lambda a, loss0=loss0: loss0 + 8 * a**2, rises=(0.5, 0.125, 2.0, 8e-6))
        np.testing.assert_allclose(found["half_width"], [0.25, 0.125, 0.5, 1e-3], rtol=2e-6)
        np.testing.assert_allclose(found["right"], -found["left"], rtol=2e-6)
        assert found["rise"].tolist() == [0.5, 0.125, 2.0, 8e-6]
        np.testing.assert_allclose(found["loss0"], loss0, rtol=1e-12)
        assert (found["reason"] == "").all()


def test_sides_that_differ_are_both_measured_and_no_grid_bounds_them():
    found = widths(lambda a: torch.where(a > 0, 4 * a, -a / 20), rises=(0.5,))  # 0.125 and 10
    assert sorted([-found["left"][0], found["right"][0]]) == pytest.approx([0.125, 10], rel=2e-6)
    assert found["half_width"][0] == pytest.approx((0.125 + 10) / 2, rel=2e-6)


def test_crossing_is_the_first_one_and_a_loss_that_leaves_the_numbers_is_above():
    wavy = widths(lambda a: 1 - torch.cos(2 * math.pi * a), rises=(1.0,))
    assert wavy["half_width"][0] == pytest.approx(0.25, rel=2e-6)
    overflowing = widths(lambda a: torch.where(a.abs() < 0.31, 0.0 * a, math.nan), rises=(1.0,))
    assert overflowing["half_width"][0] == pytest.approx(0.31, rel=1e-5)


def test_undefined_width_is_nan_with_its_reason():
    for function in (lambda a: 1e-6 * a**2, lambda a: -(a**2)):
        found = widths(function, rises=(0.5, 0.25), max_width=20)
        assert found[["half_width", "left", "right"]].isna().all(axis=None)
        assert found["reason"][0] == "the loss does not rise by 0.5 on the left and right of 0 within 20"
    one_sided = widths(lambda a: a.clamp_min(0))
    assert one_sided["half_width"].isna()[0] and one_sided[["left", "right"]].notna().sum(axis=None) == 1
    assert one_sided["reason"][0].count("left") + one_sided["reason"][0].count("right") == 1
    lost = widths(lambda a: a * math.nan)
    assert lost["reason"][0] == "the loss at 0 is not finite" and lost["half_width"].isna()[0]


@pytest.mark.parametrize("rises", [(), (0.0,), (0.5, -1.0), (math.inf,)])
def test_rises_are_positive(rises):
    with pytest.raises(ConfigurationError, match="write positive numbers"):
        widths(lambda a: a**2, rises=rises)


@pytest.mark.parametrize("moved", ["weights", "all"])
def test_at_the_width_a_float32_networks_loss_has_risen_by_the_rise(moved):
    model, inputs, targets = convolutional(n=60)
    found = slice_widths(model, None, (inputs, targets), rises=[0.5, 0.25], directions=2, seed=3, moved=moved)
    assert len(found) == 4
    for row in found.itertuples():
        direction = filter_normalised_direction(model, 3, row.direction, moved)
        for alpha in (row.left, row.right):
            values = {name: double(value) for name, value in model.state_dict().items()}
            for name, step in direction.items():
                values[name] = values[name] + alpha * step.double()
            loss = float(cross_entropy(functional_call(model, values, (double(inputs),)), targets))
            assert loss - row.loss0 == pytest.approx(row.rise, rel=1e-4)


def test_directions_of_all_parameters_add_one_filter_for_each_bias_and_norm():
    model, _, _ = convolutional()
    weights, everything = (filter_normalised_direction(model, 5, moved=moved) for moved in ("weights", "all"))
    for name, value in model.named_parameters():
        torch.testing.assert_close(everything[name].norm(), value.detach().norm())
        assert value.ndim == 1 or torch.equal(weights[name], everything[name])
    assert any(value.ndim == 1 and value.norm() > 0 for value in everything.values())
