"""The moves of Theorem 1's proof: exact arithmetic, automatic differentiation, and the lemma that they rest on."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from dropscape.theory.moves import (
    derivative,
    merging,
    merging_moves,
    moved,
    parting,
    parting_moves,
    reach,
)
from dropscape.theory.ridges import Ridges, convexity_changes, least_convexity_changes

X = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])


def ridges(*neurons, slope=1.0, constant=-2.0):
    """A network from (intercept, direction, bend) of its neurons, with input weights of modulus 2."""
    t, s, c = np.array(neurons, dtype=float).T
    return Ridges(c / 2, 2 * s, -2 * s * t, slope, constant)


def draw(rng):
    points, neurons = rng.integers(4, 9), rng.integers(2, 10)
    x = np.cumsum(rng.uniform(0.5, 1.5, points))
    w = rng.choice([-1.0, 1.0], neurons) * rng.lognormal(size=neurons)
    t = rng.uniform(x[0] - 0.5, x[-1] + 0.5, neurons)
    return x, Ridges(rng.normal(size=neurons), w, -w * t, *rng.normal(size=2))


def exact_outputs(network, move, tau):
    """Outputs at ``X`` of the network on the line, in rational arithmetic from the move's (p, q)."""
    outputs = []
    for x in map(Fraction, X):
        total = (Fraction(network.slope) + tau * Fraction(move.slope)) * x
        total += Fraction(network.constant) + tau * Fraction(move.constant)
        for a, w, b, dp, dq in zip(network.a, network.w, network.b, move.dp, move.dq, strict=True):
            a, w, b = map(Fraction, (a, w, b))
            weight = a + tau * Fraction(dp) / w
            bias = (a * b + tau * Fraction(dq)) / weight
            total += weight * max(w * x + bias, 0)
        outputs.append(total)
    return outputs


# Bends and intercepts are binary fractions, so that the floating-point move is exact and can be read exactly.
PAIRS = {
    "merged, one direction": (ridges((2.25, 1, 1), (2.75, 1, 3), (0.5, -1, 2)), lambda n: merging(n, 0, 1)),
    "merged, to the left": (ridges((2.25, -1, 1), (2.75, -1, 3)), lambda n: merging(n, 0, 1)),
    "merged, opposite bends": (ridges((2.25, 1, 1), (2.75, 1, -2)), lambda n: merging(n, 0, 1)),
    "one interval, right and right": (ridges((2.25, 1, 1), (2.75, 1, -2)), lambda n: parting(n, 0, 1, 2.5)),
    "one interval, right and left": (ridges((2.25, 1, 1), (2.75, -1, -2)), lambda n: parting(n, 0, 1, 2.5)),
    "one interval, left and right": (ridges((2.25, -1, 1), (2.75, 1, -2)), lambda n: parting(n, 0, 1, 2.5)),
    "neighbours, left and left": (ridges((2.5, -1, -1), (3.5, -1, 2)), lambda n: parting(n, 1, 0, 3.0)),
    "neighbours, right and left": (ridges((2.5, 1, 1), (3.5, -1, -2)), lambda n: parting(n, 0, 1, 3.0)),
    "neighbours, left and right": (ridges((2.5, -1, -1), (3.5, 1, 2)), lambda n: parting(n, 1, 0, 3.0)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_move_keeps_every_output_exactly_and_lowers_r1(name):
    network, move_of = PAIRS[name]
    move = move_of(network)
    before = exact_outputs(network, move, Fraction(0))
    assert [float(value) for value in before] == network.outputs(X).tolist()
    end = min(1.0, reach(network, move, X))
    assert end > 0
    r1 = [network.r1(X, 0.5)]
    for share in (Fraction(1, 7), Fraction(1, 2), Fraction(9, 10)):
        tau = share * Fraction(end)
        assert exact_outputs(network, move, tau) == before
        there = moved(network, move, float(tau))
        np.testing.assert_allclose(there.outputs(X), network.outputs(X), rtol=0, atol=1e-13)
        np.testing.assert_array_equal(there.w, network.w)
        r1.append(there.r1(X, 0.5))
    assert (np.diff(r1) < 0).all()


def test_opposite_directions_need_the_linear_term_and_equal_ones_do_not():
    """Remark 2."""
    for name, (network, move_of) in PAIRS.items():
        move = move_of(network)
        opposite = any(words in name for words in ("right and left", "left and right"))
        assert (move.slope != 0) == opposite, name


@pytest.mark.parametrize("seed", range(10))
def test_derivative_against_automatic_differentiation(seed):
    x, network = draw(np.random.default_rng(seed))
    m = len(network.a)
    dp, dq = np.random.default_rng(seed + 100).normal(size=(2, m))
    move = type(merging(network, 0, 1))(dp, dq)
    a, w, b, inputs, dp, dq = (torch.tensor(values) for values in (network.a, network.w, network.b, x, dp, dq))

    def log_r1(tau):
        weight = a + tau * dp / w
        bias = (a * b + tau * dq) / weight
        return torch.log(((weight * torch.relu(inputs[:, None] * w + bias)) ** 2).sum())

    exact = torch.func.grad(log_r1)(torch.tensor(0.0, dtype=torch.float64))
    assert derivative(network, move, x) == pytest.approx(float(exact), rel=1e-10)


def test_merging_ends_in_two_equal_neurons_where_r1_is_least_on_the_line():
    network = ridges((2.25, 1, 1), (2.75, 1, 3))
    move = merging(network, 0, 1)
    end = moved(network, move, 1.0)
    assert end.bends.tolist() == [2, 2]
    assert end.intercepts.tolist() == [2.625, 2.625]
    assert derivative(end, move, X) == pytest.approx(0, abs=1e-14)
    assert moved(network, move, 1.2).r1(X, 0.5) > end.r1(X, 0.5)


def test_beyond_its_reach_a_move_changes_an_output():
    rng, seen = np.random.default_rng(0), 0
    while seen < 30:
        x, network = draw(rng)
        for move in (*parting_moves(network, x), *merging_moves(network, x)):
            end = reach(network, move, x)
            size = np.abs(network.parts(x)).sum()
            kept = moved(network, move, 0.999 * min(end, 2.0))
            assert np.abs(kept.outputs(x) - network.outputs(x)).max() < 1e-11 * size
            if not math.isinf(end):
                lost = moved(network, move, 1.01 * end)
                seen += np.abs(lost.outputs(x) - network.outputs(x)).max() > 1e-9 * size
                assert np.abs(lost.outputs(x) - network.outputs(x)).max() > 1e-11 * size


def test_an_intercept_on_a_data_point_may_turn_to_one_side_only():
    # Moving apart from the pivot 2.5, the neuron at 2 would become active there, the one at 2 with pivot 2 stays.
    network = ridges((2, 1, 1), (2.75, 1, -2))
    assert reach(network, parting(network, 0, 1, 2.5), X) == 0
    assert reach(network, parting(network, 0, 1, 2.0), X) > 0
    ends = ridges((2, 1, 1), (3, 1, -2))
    assert reach(ends, merging(ends, 0, 1), X) == 0
    same_sign = ridges((2, 1, 1), (3, 1, 2))
    assert reach(same_sign, merging(same_sign, 0, 1), X) >= 1


def test_more_convexity_changes_than_needed_always_leave_a_move_that_lowers_r1():
    """The lemma of the module: the theorem's case (i)."""
    rng, seen = np.random.default_rng(1), 0
    for _ in range(2000):
        x, network = draw(rng)
        if convexity_changes(network, x[0], x[-1]) == least_convexity_changes(network, x):
            continue
        seen += 1
        moves = list(parting_moves(network, x))
        assert moves
        assert max(derivative(network, move, x) for move in moves) < 0
        assert min(reach(network, move, x) for move in moves) > 0
    assert seen > 500


def test_merging_moves_are_those_of_inner_intervals():
    """Case (ii) leaves out the first and the last interval, where one data point is active at most."""
    inner = ridges((2.25, 1, 1), (2.75, 1, 3))
    assert len(list(merging_moves(inner, X))) == 1
    for other in (
        ridges((0.25, -1, 1), (0.75, -1, 3)),
        ridges((4.25, 1, 1), (4.75, 1, 3)),
        ridges((2.25, 1, 1), (2.75, -1, 3)),
        ridges((2.25, 1, 1), (2.25, 1, 3)),
        ridges((2.25, 1, 1), (3.25, 1, 3)),
    ):
        assert not list(merging_moves(other, X))


def test_in_the_last_interval_different_intercepts_can_be_least():
    """Why the theorem speaks of inner intervals: with one active point only g_j = g_k there matters."""
    network = ridges((4.2, 1, 5), (4.6, 1, 10))
    parts = network.parts(X)
    assert parts[-1, 0] == pytest.approx(parts[-1, 1])
    assert derivative(network, merging(network, 0, 1), X) == pytest.approx(0, abs=1e-12)
