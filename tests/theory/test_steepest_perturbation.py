"""The linear programs against projected gradients, against a scan of all neighbours, and at known minima."""

import itertools

import numpy as np
import pytest
import torch

from dropscape.theory.perturbations import case_i_perturbations, case_ii_perturbations, derivative, min_relative_change
from dropscape.theory.relu_network_1d import ReluNetwork1d, convexity_changes, min_convexity_changes
from dropscape.theory.tables.interpolants import MIDDLE, X, network
from tests.theory.test_perturbations import draw, ridges


def projected_gradient(net, x):
    """|P grad R_1| / |grad R_1|: what is left of the gradient in directions that change no output, by autograd."""
    sizes = [len(net.a)] * 3
    theta = torch.tensor(np.concatenate([net.a, net.w, net.b, [net.slope, net.constant]]))
    inputs = torch.tensor(x)

    def neuron_outputs(vector):
        a, w, b = vector[:-2].split(sizes)
        return a * torch.relu(inputs[:, None] * w + b)

    def outputs(vector):
        return neuron_outputs(vector).sum(1) + vector[-2] * inputs + vector[-1]

    gradient = torch.func.grad(lambda vector: (neuron_outputs(vector) ** 2).sum())(theta)
    jacobian = torch.func.jacrev(outputs)(theta)
    _, values, rows = torch.linalg.svd(jacobian, full_matrices=False)
    rows = rows[values > 1e-10 * values[0]]
    return float((gradient - rows.T @ (rows @ gradient)).norm() / gradient.norm())


@pytest.mark.parametrize("seed", range(15))
def test_negative_where_the_gradient_has_a_part_that_changes_no_output(seed):
    x, net = draw(np.random.default_rng(seed))
    if not (net.neuron_outputs(x) ** 2).any():
        pytest.skip("no data point reaches a neuron")
    assert (min_relative_change(net, x) < -1e-6) == (projected_gradient(net, x) > 1e-6)


def test_nothing_is_left_to_lower_at_the_least_of_all_interpolants():
    net = network(MIDDLE, 3)
    assert projected_gradient(net, X) < 1e-12
    assert min_relative_change(net, X) == pytest.approx(0, abs=1e-9)


def test_at_least_as_steep_as_every_explicit_perturbation():
    rng, seen = np.random.default_rng(5), 0
    while seen < 10:
        x, net = draw(rng)
        perturbations = [*case_i_perturbations(net, x), *case_ii_perturbations(net, x)]
        largest = np.abs(net.a * net.w)
        bounds = np.concatenate([largest, largest * np.abs(x).max()])
        for perturbation in perturbations:
            # Shortened to the bounds of the linear programs.
            scale = np.max(np.abs(np.concatenate([perturbation.dp, perturbation.dq])) / bounds)
            assert min_relative_change(net, x) <= derivative(net, perturbation, x) / scale + 1e-9
        seen += bool(perturbations)


def test_opposite_bends_on_the_ends_of_an_inner_interval_are_least_among_all_neighbours():
    """The corner that the closed interval of Theorem 1 (ii) includes.

    With four data points the intercepts of a neighbour decide all else: two bends and the linear term.
    """
    x = np.array([0.0, 1.0, 2.2, 3.0])
    net = ridges((1.0, 1, 1.5), (2.2, 1, -2.0))
    y, r1 = net.outputs(x), net.r1(x, 0.5)
    assert min_relative_change(net, x) == 0
    steps = np.linspace(-1e-3, 1e-3, 21)
    rises = []
    for first, second in itertools.product(steps, steps):
        t = np.array([1.0 + first, 2.2 + second])
        features = np.maximum(np.subtract.outer(x, t), 0.0)
        solved = np.linalg.solve(np.column_stack([features, x, np.ones(4)]), y)
        assert np.abs(solved[:2] - [1.5, -2.0]).max() < 0.02
        rises.append((abs(first) > 5e-5, float(((features * solved[:2]) ** 2).sum()) / 8 - r1))
    assert min(rise for _, rise in rises) > -1e-12
    # Beyond the second end one data point is left, which does not tell where the intercept is.
    assert min(rise for first_moves, rise in rises if first_moves) > 1e-5
    # With bends of one sign the same intercepts are no minimum.
    assert min_relative_change(ridges((1.0, 1, 1.5), (2.2, 1, 2.0)), x) < -0.1


def test_convexity_changes_that_can_be_reduced_are_never_least_even_with_intercepts_on_data_points():
    rng, seen = np.random.default_rng(2), 0
    while seen < 60:
        x = np.cumsum(rng.integers(1, 4, rng.integers(4, 7))).astype(float)
        neurons = rng.integers(2, 6)
        t = rng.choice(np.concatenate([x, (x[1:] + x[:-1]) / 2]), neurons)
        s = rng.choice([-1.0, 1.0], neurons)
        net = ReluNetwork1d(rng.normal(size=neurons), s, -s * t, 0.0, 0.0)
        if convexity_changes(net, x[0], x[-1]) > min_convexity_changes(net, x):
            seen += 1
            assert min_relative_change(net, x) < -1e-6
