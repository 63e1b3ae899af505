"""The curves of Fig. 11 pass through the same points, and what is called least is."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from dropscape.theory.relu_network_1d import convexity_changes, min_convexity_changes
from dropscape.theory.tables.interpolants import LEFT, MIDDLE, RIGHT, SLOPE_CHANGES, X, network, shared, targets


@pytest.mark.parametrize("curve", SLOPE_CHANGES)
def test_every_curve_passes_through_the_points(curve):
    np.testing.assert_allclose(network(curve, 17).outputs(X), targets(), rtol=0, atol=1e-14)
    assert len(network(curve, 17).a) == 17


def test_convexity_changes_and_intercepts_are_those_that_the_names_say():
    counts = {curve: convexity_changes(network(curve, 9), 1.0, 5.0) for curve in SLOPE_CHANGES}
    assert counts == {LEFT: 2, MIDDLE: 0, RIGHT: 0}
    assert min_convexity_changes(network(LEFT, 9), X) == 0
    between = {curve: {t for t in network(curve, 9).intercepts if X[2] < t < X[3]} for curve in SLOPE_CHANGES}
    assert {curve: len(t) for curve, t in between.items()} == {LEFT: 3, MIDDLE: 1, RIGHT: 3}


@pytest.mark.parametrize("total", [3, 4, 7, 11])
def test_neurons_are_shared_as_the_best_of_all_ways(total):
    sizes = np.array([1.0, 2.5, 0.3])
    ways = [way for way in itertools.product(range(1, total), repeat=3) if sum(way) == total]
    least = min(float((sizes**2 / np.array(way)).sum()) for way in ways)
    assert float((sizes**2 / shared(sizes, total)).sum()) == pytest.approx(least, rel=1e-12)


def test_too_few_neurons_are_refused():
    with pytest.raises(ValueError, match="2 neurons cannot share 3 slope changes"):
        shared(np.ones(3), 2)


def test_the_minimal_curve_has_the_least_r1_of_all_functions_through_the_points():
    """A linear program over slope changes of any direction and sign at 400 points: m R_1 >= (sum |c| sqrt(q))^2."""
    places = np.linspace(1, 5, 401)[1:-1]
    ridges = np.maximum(np.concatenate([X[:, None] - places, places - X[:, None]], axis=1), 0.0)
    charges = np.sqrt((ridges**2).sum(axis=0))
    solved = linprog(
        np.concatenate([charges, charges, [0.0, 0.0]]),
        A_eq=np.column_stack([ridges, -ridges, X, np.ones_like(X)]),
        b_eq=targets(),
        bounds=[(0, None)] * (2 * len(charges)) + [(None, None)] * 2,
    )
    neurons, keep_prob = 50, 0.8
    bound = (1 - keep_prob) / keep_prob * solved.fun**2 / (2 * len(X) * neurons)
    assert network(MIDDLE, neurons).r1(X, keep_prob) == pytest.approx(bound, rel=1e-9)
    for curve in (LEFT, RIGHT):
        assert network(curve, neurons).r1(X, keep_prob) > 1.01 * bound
