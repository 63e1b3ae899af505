"""Networks of one input against exact arithmetic on their definition and against every mask of dropout."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from dropscape.theory.relu_network_1d import ReluNetwork1d, convexity_changes, intervals, min_convexity_changes, risk


def draw(rng, points, neurons):
    """Small whole numbers, so that exact arithmetic stays exact; intercepts may coincide and lie on data points."""
    x = np.sort(rng.choice(np.arange(-8, 9), points, replace=False)).astype(float)
    w = rng.choice([-2.0, -1.0, 1.0, 2.0], neurons)
    a, b = rng.integers(-3, 4, neurons).astype(float), rng.integers(-9, 10, neurons).astype(float)
    return x, ReluNetwork1d(a, w, b, *rng.integers(-3, 4, 2).astype(float))


def exactly(network, x):
    """f(x) in rational arithmetic."""
    x = Fraction(x)
    shares = [
        Fraction(a) * max(Fraction(w) * x + Fraction(b), 0)
        for a, w, b in zip(network.a, network.w, network.b, strict=True)
    ]
    return shares, sum(shares) + Fraction(network.slope) * x + Fraction(network.constant)


def sign_changes(values):
    signs = [value > 0 for value in values if value != 0]
    return sum(one != other for one, other in itertools.pairwise(signs))


@pytest.mark.parametrize("seed", range(5))
def test_outputs_and_their_shares_are_those_of_the_definition(seed):
    x, network = draw(np.random.default_rng(seed), 5, 4)
    for row, point in enumerate(x):
        shares, output = exactly(network, point)
        assert network.neuron_outputs(x)[row].tolist() == [float(share) for share in shares]
        assert network.outputs(x)[row] == float(output)


def test_r1_is_what_dropout_adds_to_the_expected_loss():
    """Lemma 1: E R_S^drop = R_S + R_1, with every mask of the neurons; the linear term is never dropped."""
    x, network = draw(np.random.default_rng(3), 4, 5)
    y, keep_prob = np.array([1.0, -2.0, 0.5, 3.0]), 0.7
    linear = network.slope * x + network.constant
    expected = 0.0
    for mask in itertools.product((0, 1), repeat=5):
        probability = np.prod([keep_prob if kept else 1 - keep_prob for kept in mask])
        outputs = network.neuron_outputs(x) @ np.array(mask) / keep_prob + linear
        expected += probability * np.mean((outputs - y) ** 2) / 2
    assert network.r1(x, keep_prob) == pytest.approx(expected - risk(network, x, y), rel=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_convexity_changes_are_those_of_the_slopes_between_the_bends(seed):
    x, network = draw(np.random.default_rng(seed), 5, 6)
    low, high = Fraction(x[0]), Fraction(x[-1])
    slope_changes = {Fraction(-b) / Fraction(w) for w, b in zip(network.w, network.b, strict=True)}
    ends = [low, *sorted(bend for bend in slope_changes if low < bend < high), high]
    values = [exactly(network, end)[1] for end in ends]
    slopes = [
        (second - first) / (right - left)
        for (first, second), (left, right) in zip(itertools.pairwise(values), itertools.pairwise(ends), strict=True)
    ]
    differences = [right - left for left, right in itertools.pairwise(slopes)]
    assert convexity_changes(network, x[0], x[-1]) == sign_changes(differences)


@pytest.mark.parametrize("seed", range(40))
def test_the_least_number_is_that_of_the_outputs_second_differences(seed):
    x, network = draw(np.random.default_rng(seed), 6, 6)
    values = [exactly(network, point)[1] for point in x]
    slopes = [
        (second - first) / (Fraction(right) - Fraction(left))
        for (first, second), (left, right) in zip(itertools.pairwise(values), itertools.pairwise(x), strict=True)
    ]
    differences = [right - left for left, right in itertools.pairwise(slopes)]
    assert min_convexity_changes(network, x) == sign_changes(differences)
    assert min_convexity_changes(network, x) <= convexity_changes(network, x[0], x[-1])


def test_intervals_are_counted_as_in_the_paper():
    network = ReluNetwork1d(np.ones(5), np.ones(5), -np.array([0.0, 1.0, 1.5, 2.0, 9.0]), 0.0, 0.0)
    assert intervals(network, np.array([1.0, 2.0, 3.0])).tolist() == [0, 1, 1, 2, 3]


def test_directions_intercepts_and_bends():
    network = ReluNetwork1d(np.array([2.0, -1.0]), np.array([-3.0, 0.5]), np.array([6.0, 1.0]), 0.0, 0.0)
    assert network.directions.tolist() == [-1, 1]
    assert network.intercepts.tolist() == [2, -2]
    assert network.slope_changes.tolist() == [6, -0.5]
