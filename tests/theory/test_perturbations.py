"""The perturbations in Theorem 1's proof: exact arithmetic, automatic differentiation, and the lemma they rest on."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from dropscape.theory.perturbations import (
    COUNTEREXAMPLE,
    Perturbation,
    case_i_perturbation,
    case_i_perturbations,
    case_ii_perturbation,
    case_ii_perturbations,
    derivative,
    largest_step,
    perturbed,
)
from dropscape.theory.relu_network_1d import ReluNetwork1d, convexity_changes, min_convexity_changes

X = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])


def ridges(*neurons, slope=1.0, constant=-2.0):
    """A network from (intercept, direction, bend) of its neurons, with input weights of modulus 2."""
    t, s, c = np.array(neurons, dtype=float).T
    return ReluNetwork1d(c / 2, 2 * s, -2 * s * t, slope, constant)


def draw(rng):
    points, neurons = rng.integers(4, 9), rng.integers(2, 10)
    x = np.cumsum(rng.uniform(0.5, 1.5, points))
    w = rng.choice([-1.0, 1.0], neurons) * rng.lognormal(size=neurons)
    t = rng.uniform(x[0] - 0.5, x[-1] + 0.5, neurons)
    return x, ReluNetwork1d(rng.normal(size=neurons), w, -w * t, *rng.normal(size=2))


def exact_outputs(network, perturbation, tau):
    """Outputs at ``X`` of the network on the line, in rational arithmetic from the perturbation's (p, q)."""
    outputs = []
    for x in map(Fraction, X):
        total = (Fraction(network.slope) + tau * Fraction(perturbation.slope)) * x
        total += Fraction(network.constant) + tau * Fraction(perturbation.constant)
        for a, w, b, dp, dq in zip(network.a, network.w, network.b, perturbation.dp, perturbation.dq, strict=True):
            a, w, b = map(Fraction, (a, w, b))
            weight = a + tau * Fraction(dp) / w
            bias = (a * b + tau * Fraction(dq)) / weight
            total += weight * max(w * x + bias, 0)
        outputs.append(total)
    return outputs


# Slope changes and intercepts are binary fractions, so that the floating-point perturbation is exact.
PAIRS = {
    "merged, one direction": (
        ridges((2.25, 1, 1), (2.75, 1, 3), (0.5, -1, 2)),
        lambda n: case_ii_perturbation(n, 0, 1),
    ),
    "merged, to the left": (ridges((2.25, -1, 1), (2.75, -1, 3)), lambda n: case_ii_perturbation(n, 0, 1)),
    "merged, opposite slope changes": (ridges((2.25, 1, 1), (2.75, 1, -2)), lambda n: case_ii_perturbation(n, 0, 1)),
    "one interval, right and right": (ridges((2.25, 1, 1), (2.75, 1, -2)), lambda n: case_i_perturbation(n, 0, 1, 2.5)),
    "one interval, right and left": (ridges((2.25, 1, 1), (2.75, -1, -2)), lambda n: case_i_perturbation(n, 0, 1, 2.5)),
    "one interval, left and right": (ridges((2.25, -1, 1), (2.75, 1, -2)), lambda n: case_i_perturbation(n, 0, 1, 2.5)),
    "neighbours, left and left": (ridges((2.5, -1, -1), (3.5, -1, 2)), lambda n: case_i_perturbation(n, 1, 0, 3.0)),
    "neighbours, right and left": (ridges((2.5, 1, 1), (3.5, -1, -2)), lambda n: case_i_perturbation(n, 0, 1, 3.0)),
    "neighbours, left and right": (ridges((2.5, -1, -1), (3.5, 1, 2)), lambda n: case_i_perturbation(n, 1, 0, 3.0)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_perturbation_keeps_every_output_exactly_and_lowers_r1(name):
    network, perturbation_of = PAIRS[name]
    perturbation = perturbation_of(network)
    before = exact_outputs(network, perturbation, Fraction(0))
    assert [float(value) for value in before] == network.outputs(X).tolist()
    end = min(1.0, largest_step(network, perturbation, X))
    assert end > 0
    r1 = [network.r1(X, 0.5)]
    for share in (Fraction(1, 7), Fraction(1, 2), Fraction(9, 10)):
        tau = share * Fraction(end)
        assert exact_outputs(network, perturbation, tau) == before
        there = perturbed(network, perturbation, float(tau))
        np.testing.assert_allclose(there.outputs(X), network.outputs(X), rtol=0, atol=1e-13)
        np.testing.assert_array_equal(there.w, network.w)
        r1.append(there.r1(X, 0.5))
    assert (np.diff(r1) < 0).all()


def test_opposite_directions_need_the_linear_term_and_equal_ones_do_not():
    """Remark 2."""
    for name, (network, perturbation_of) in PAIRS.items():
        perturbation = perturbation_of(network)
        opposite = any(words in name for words in ("right and left", "left and right"))
        assert (perturbation.slope != 0) == opposite, name


@pytest.mark.parametrize("seed", range(10))
def test_derivative_against_automatic_differentiation(seed):
    x, network = draw(np.random.default_rng(seed))
    m = len(network.a)
    dp, dq = np.random.default_rng(seed + 100).normal(size=(2, m))
    perturbation = type(case_ii_perturbation(network, 0, 1))(dp, dq)
    a, w, b, inputs, dp, dq = (torch.tensor(values) for values in (network.a, network.w, network.b, x, dp, dq))

    def log_r1(tau):
        weight = a + tau * dp / w
        bias = (a * b + tau * dq) / weight
        return torch.log(((weight * torch.relu(inputs[:, None] * w + bias)) ** 2).sum())

    exact = torch.func.grad(log_r1)(torch.tensor(0.0, dtype=torch.float64))
    assert derivative(network, perturbation, x) == pytest.approx(float(exact), rel=1e-10)


def test_case_ii_ends_in_two_equal_neurons_where_r1_is_least_on_the_line():
    network = ridges((2.25, 1, 1), (2.75, 1, 3))
    perturbation = case_ii_perturbation(network, 0, 1)
    end = perturbed(network, perturbation, 1.0)
    assert end.slope_changes.tolist() == [2, 2]
    assert end.intercepts.tolist() == [2.625, 2.625]
    assert derivative(end, perturbation, X) == pytest.approx(0, abs=1e-14)
    assert perturbed(network, perturbation, 1.2).r1(X, 0.5) > end.r1(X, 0.5)


def test_beyond_the_largest_step_a_perturbation_changes_an_output():
    rng, seen = np.random.default_rng(0), 0
    while seen < 30:
        x, network = draw(rng)
        for perturbation in (*case_i_perturbations(network, x), *case_ii_perturbations(network, x)):
            end = largest_step(network, perturbation, x)
            size = np.abs(network.neuron_outputs(x)).sum()
            kept = perturbed(network, perturbation, 0.999 * min(end, 2.0))
            assert np.abs(kept.outputs(x) - network.outputs(x)).max() < 1e-11 * size
            if not math.isinf(end):
                lost = perturbed(network, perturbation, 1.01 * end)
                seen += np.abs(lost.outputs(x) - network.outputs(x)).max() > 1e-9 * size
                assert np.abs(lost.outputs(x) - network.outputs(x)).max() > 1e-11 * size


def test_an_intercept_on_a_data_point_may_turn_to_one_side_only():
    # Moving apart from the pivot 2.5, the neuron at 2 would become active there, the one at 2 with pivot 2 stays.
    network = ridges((2, 1, 1), (2.75, 1, -2))
    assert largest_step(network, case_i_perturbation(network, 0, 1, 2.5), X) == 0
    assert largest_step(network, case_i_perturbation(network, 0, 1, 2.0), X) > 0
    ends = ridges((2, 1, 1), (3, 1, -2))
    assert largest_step(ends, case_ii_perturbation(ends, 0, 1), X) == 0
    same_sign = ridges((2, 1, 1), (3, 1, 2))
    assert largest_step(same_sign, case_ii_perturbation(same_sign, 0, 1), X) >= 1


def test_more_convexity_changes_than_needed_always_leave_a_move_that_lowers_r1():
    """The lemma of the module: the theorem's case (i)."""
    rng, seen = np.random.default_rng(1), 0
    for _ in range(2000):
        x, network = draw(rng)
        if convexity_changes(network, x[0], x[-1]) == min_convexity_changes(network, x):
            continue
        seen += 1
        perturbations = list(case_i_perturbations(network, x))
        assert perturbations
        assert max(derivative(network, perturbation, x) for perturbation in perturbations) < 0
        assert min(largest_step(network, perturbation, x) for perturbation in perturbations) > 0
    assert seen > 500


def test_case_ii_perturbations_are_those_of_inner_intervals():
    """Case (ii) leaves out the first and the last interval, where one data point is active at most."""
    inner = ridges((2.25, 1, 1), (2.75, 1, 3))
    assert len(list(case_ii_perturbations(inner, X))) == 1
    for other in (
        ridges((0.25, -1, 1), (0.75, -1, 3)),
        ridges((4.25, 1, 1), (4.75, 1, 3)),
        ridges((2.25, 1, 1), (2.75, -1, 3)),
        ridges((2.25, 1, 1), (2.25, 1, 3)),
        ridges((2.25, 1, 1), (3.25, 1, 3)),
    ):
        assert not list(case_ii_perturbations(other, X))


@pytest.mark.parametrize("seed", range(50))
def test_the_counterexample_meets_case_ii_on_its_closed_interval_and_is_least_among_what_is_near(seed):
    """Every perturbation that keeps the outputs follows from what the two neurons change at their own intercepts."""
    x, network = COUNTEREXAMPLE
    assert x[1] <= network.intercepts.min() < network.intercepts.max() <= x[2] and len(x) == 4
    assert (network.directions == 1).all()
    first, second = 0.1 * np.random.default_rng(seed).normal(size=2)  # u_1(1) and u_2(2)
    v, z = max(0.0, first), min(0.0, second)
    at_2 = 2 * v - z
    at_3 = 2 * at_2 - first
    dp = np.array([at_3 - at_2, 3 * v - at_3 - second])
    moved = perturbed(network, Perturbation(dp, np.array([at_2, second]) - 2 * dp, slope=-v), 1.0)
    np.testing.assert_allclose(moved.outputs(x), [0, 0, 1, 1], atol=1e-14)
    assert moved.r1(x, 0.5) > network.r1(x, 0.5)


def test_in_the_last_interval_different_intercepts_can_be_least():
    """Why the theorem speaks of inner intervals: with one active point only g_j = g_k there matters."""
    network = ridges((4.2, 1, 5), (4.6, 1, 10))
    neuron_outputs = network.neuron_outputs(X)
    assert neuron_outputs[-1, 0] == pytest.approx(neuron_outputs[-1, 1])
    assert derivative(network, case_ii_perturbation(network, 0, 1), X) == pytest.approx(0, abs=1e-12)
