"""Variation and convexity of one-dimensional networks: against fine grids, second differences and autograd."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dropscape.condensation.piecewise import (
    BEND,
    GRID,
    convexity_changes,
    excess_convexity_changes,
    functional_intercepts,
    intercepts,
    outputs,
    total_variation,
    visible_convexity_changes,
)
from dropscape.models.fnn import FullyConnected

SEEDS = st.integers(0, 2**32 - 1)


def network(seed, *widths, scale=1.0):
    """Layers with normal parameters, those of the first one ``scale`` times as large."""
    generator = np.random.default_rng(seed)
    layers = []
    for fan_in, fan_out in zip((1, *widths), (*widths, 1), strict=True):
        factor = scale if not layers else 1.0
        layers.append(
            (factor * generator.standard_normal((fan_out, fan_in)), factor * generator.standard_normal(fan_out))
        )
    return layers


def neurons(*terms):
    """The two-layer network sum a sigma(w x + b) of ``(a, w, b)``."""
    a, w, b = np.array(terms, dtype=float).T
    return [(w[:, None], b), (a[None], np.zeros(1))]


def sign_changes(values):
    signs = [np.sign(value) for value in values]
    return sum(one != other for one, other in pairwise(signs))


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
@pytest.mark.parametrize("widths", [(7,), (5, 6), (4, 3, 5)])
def test_outputs_are_those_of_the_network(activation, widths):
    layers = network(0, *widths)
    model = FullyConnected([1, *widths, 1], activation).double()
    for layer, (weight, bias) in zip(model.layers, layers, strict=True):
        layer.weight.data, layer.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
    x = np.linspace(-3, 2, 11)
    expected = model(torch.from_numpy(x)[:, None])[:, 0].detach().numpy()
    np.testing.assert_allclose(outputs(layers, activation, x), expected, rtol=1e-12, atol=1e-12)


def test_intercept_points_of_definition_5():
    points, jumps = intercepts(neurons((2, 3, -6), (-1, -4, 2), (5, 0, 1), (0, -1, -1)))
    np.testing.assert_array_equal(points, [2, 0.5, np.nan, -1])
    np.testing.assert_array_equal(jumps, [6, -4, 0, 0])


@given(SEEDS, st.integers(1, 30), st.floats(-3, 0), st.floats(0.1, 4))
@settings(max_examples=60)
def test_the_variation_of_a_two_layer_relu_network_is_what_grids_come_up_to(seed, m, low, length):
    """A grid can miss, in the cell of an intercept point, at most half of what the slope changes times its width."""
    layers, interval = network(seed, m), (low, low + length)
    exact, error = total_variation(layers, "relu", interval)
    grid = np.linspace(*interval, 20_001)
    on_grid = np.abs(np.diff(outputs(layers, "relu", grid))).sum()
    missed = np.abs(intercepts(layers)[1]).sum() * length / 20_000 / 2
    assert error == 0
    assert on_grid - 1e-9 <= exact <= on_grid + missed + 1e-9


@pytest.mark.parametrize(("activation", "widths"), [("tanh", (30,)), ("tanh", (12, 10)), ("relu", (9, 8))])
@pytest.mark.parametrize("seed", range(6))
def test_the_variation_on_a_grid_is_too_small_by_less_than_its_error(activation, widths, seed):
    layers = network(seed, *widths, scale=6.0)
    value, error = total_variation(layers, activation, (-1, 1))
    finer = np.abs(np.diff(outputs(layers, activation, np.linspace(-1, 1, 64 * (GRID - 1) + 1)))).sum()
    assert -1e-12 <= finer - value <= error < 0.01 * value


def test_variation_of_functions_that_are_known():
    hat = neurons((1, 1, 1), (-2, 1, 0), (1, 1, -1))
    assert total_variation(hat, "relu", (-3, 3)) == (2, 0)
    assert total_variation(hat, "relu", (-0.25, 3)) == (pytest.approx(1.25), 0)
    value, _ = total_variation(neurons((3, 2, 0)), "tanh", (-1, 2))
    assert value == pytest.approx(3 * (np.tanh(4) + np.tanh(2)))


@given(SEEDS, st.integers(1, 12))
@settings(max_examples=100)
def test_convexity_changes_are_those_of_second_differences(seed, m):
    layers, grid = network(seed, m), np.linspace(-2, 2, 40_001)
    points = np.sort(intercepts(layers)[0])
    # Second differences see one intercept point at a time, and none outside.
    separate = np.diff(points, prepend=-9, append=9).min() > 1e-3 and np.abs(np.abs(points) - 2).min() > 1e-3
    if separate:
        bends = np.diff(outputs(layers, "relu", grid), n=2)
        assert convexity_changes(layers, "relu", (-2, 2)) == sign_changes(bends[np.abs(bends) > 1e-10])


def test_convexity_changes_of_known_functions():
    zigzag = neurons((1, 1, 1), (-2, 1, 0), (2, 1, -1))
    assert convexity_changes(zigzag, "relu", (-2, 2)) == 2
    assert convexity_changes(zigzag, "relu", (-2, 1)) == 1, "the interval is open"
    assert convexity_changes(neurons((1, 1, 1), (1, -1, 0), (3, 1, -1)), "relu", (-2, 2)) == 0, "convex all over"
    assert convexity_changes(neurons((-1, -1, -1), (1, -1, 0)), "relu", (-2, 2)) == 1, "concave, then convex"
    assert convexity_changes(neurons((1, 0, 1)), "relu", (-2, 2)) == 0


def test_intercept_points_within_rounding_are_one():
    """0.7 and 0.1 + 0.2 times 7/3 differ in the last digit; their changes of slope, 3 - 1, count together."""
    apart = neurons((1, 1, -0.7 * (1 + 2e-16)), (-3, 1, -0.7), (1, 1, 1), (1, 1, -1))
    assert len(set(intercepts(apart)[0])) == 4
    assert convexity_changes(apart, "relu", (-2, 2)) == 2
    balanced = neurons((1, 1, -0.7 * (1 + 2e-16)), (-1, 1, -0.7), (1, 1, 1), (1, 1, -1))
    assert convexity_changes(balanced, "relu", (-2, 2)) == 0, "they cancel"
    float32 = neurons((1, 1, 0.5), (np.float32(-0.1), 10, 5), (1, 1, -1), (1, 1, 1.5))
    assert convexity_changes(float32, "relu", (-2, 2)) == 0, "the change of slope is 1 less ten float32 tenths"


def test_convexity_changes_of_tanh_are_its_inflections():
    assert convexity_changes(neurons((2, 3, -1)), "tanh", (-2, 2)) == 1
    assert convexity_changes(neurons((1, 5, 5), (-1, 5, -5)), "tanh", (-3, 3)) == 2
    assert convexity_changes(neurons((1, 5, 5), (-1, 5, -5)), "tanh", (-3, 0)) == 1


@pytest.mark.parametrize("widths", [(8,), (6, 5)])
@pytest.mark.parametrize("seed", range(5))
def test_inflections_are_where_the_second_derivative_changes_sign(seed, widths):
    layers = network(seed, *widths, scale=3.0)
    given = [(torch.from_numpy(weight), torch.from_numpy(bias)) for weight, bias in layers]

    def f(x):
        (*hidden, (weight, bias)), values = given, x[None]
        for inner, shift in hidden:
            values = torch.tanh(inner @ values + shift)
        return (weight @ values + bias)[0]

    x = torch.linspace(-2, 2, GRID, dtype=torch.float64)[1:-1]
    second = torch.vmap(torch.func.grad(torch.func.grad(f)))(x).numpy()
    seen = second[np.abs(second) > BEND * np.abs(second).max()]
    assert convexity_changes(layers, "tanh", (-2, 2)) == sign_changes(seen) > 0


def test_a_straight_line_has_no_bend_that_rounding_makes():
    for seed in range(5):
        layers = network(seed, 50, 40)
        assert convexity_changes(layers, "identity", (-3, 5)) == 0
    assert convexity_changes(neurons((0, 1, 1)), "tanh", (-1, 1)) == 0


def test_what_is_seen_leaves_out_small_bends():
    """A large hat, and on its side a wiggle a thousandth as large."""
    wiggle = [(1e-3 * a, 1.0, -1.5 - 0.1 * k) for k, a in enumerate((1, -2, 2, -2, 1))]
    layers = neurons((1, 1, 1), (-2, 1, 0), (1, 1, -1), *wiggle)
    assert convexity_changes(layers, "relu", (-3, 3)) == 6
    assert visible_convexity_changes(layers, "relu", np.linspace(-3, 3, 201)) == 2


X, Y = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]


def bends(*terms):
    """Neurons of one direction from (intercept, slope change)."""
    return neurons(*((change, 1.0, -t) for t, change in terms))


def test_excess_is_what_the_examples_do_not_need():
    """A step bends twice, one way and the other: one change; the order of the examples does not matter."""
    needed = bends((2, 1), (3, -1))
    assert excess_convexity_changes(needed, "relu", X, Y, 201) == 0
    assert excess_convexity_changes(needed, "relu", X[::-1], Y[::-1], 201) == 0
    hats = bends((1, 1), (1.5, -2), (2, 2), (3, -1))
    assert excess_convexity_changes(hats, "relu", X, Y, 201) == 2
    assert excess_convexity_changes(bends((-1, 1)), "relu", X, Y, 201) == -1  # too few: it does not fit them
    assert np.isnan(excess_convexity_changes(needed, "relu", X[:2], Y[:2], 201))


def test_functional_intercepts_count_places_and_not_neurons():
    """Small noise leaves one place, and what lies in the first and the last interval does not count."""
    noisy = [(2.5 + 0.004 * k, 1.0) for k in range(-10, 11)]
    assert functional_intercepts(bends(*noisy), "relu", X) == 1
    assert functional_intercepts(bends(*noisy, (2.1, -20.0)), "relu", X) == 2
    assert functional_intercepts(bends(*noisy, *((0.1 * k, 9.0) for k in range(10))), "relu", X) == 1
    spread = [(3 + k / 40, 1.0) for k in range(41)]
    assert functional_intercepts(bends(*noisy, *spread), "relu", X) == 7  # each window holds 5 of 41, the first ones
    faint = [(t, 1e-4 * change) for t, change in spread]
    assert functional_intercepts(bends(*noisy, *faint), "relu", X) == 1
    small = [(2.9, 2.0), (2.1, 2.0)]
    assert functional_intercepts(bends(*noisy, *small), "relu", X) == 1  # 21 of 25 are in one place


def test_functional_intercepts_are_of_two_relu_layers_with_four_examples():
    assert np.isnan(functional_intercepts(bends((2.5, 1.0)), "tanh", X))
    assert np.isnan(functional_intercepts(bends((2.5, 1.0)), "relu", X[:3]))
    assert functional_intercepts(bends((0.5, 1.0)), "relu", X) == 0  # outside of the inner intervals
