"""The finite network's margin: against gradients of sub-networks, and against the infinite width."""

import itertools

import numpy as np
import pytest
import torch

from dropscape.subnetworks.distributions import Caps, Sectors
from dropscape.subnetworks.empirical_margin import empirical_margin
from dropscape.subnetworks.two_layer import initial_weights


def test_it_is_the_mean_over_all_masks_of_a_gradients_product_with_v():
    """Every mask of five neurons with its probability; gradients by autograd."""
    distribution, keep_prob = Sectors(3, 0.4), 0.3
    weights, signs = initial_weights(5, 3, seed=1)
    x, y = distribution.draw(np.random.default_rng(2), 100)
    theta = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    competitor = signs[:, None] * distribution.competitor(weights.astype(float)) / np.sqrt(5)
    means = np.zeros(len(x))
    for mask in itertools.product([0, 1], repeat=5):
        probability = np.prod([keep_prob if kept else 1 - keep_prob for kept in mask])
        units = torch.tensor(signs * mask, dtype=torch.float64)
        for index, point in enumerate(torch.tensor(x, dtype=torch.float64)):
            output = units @ torch.relu(theta @ point) / np.sqrt(5)
            (gradient,) = torch.autograd.grad(output, theta)
            means[index] += probability * y[index] * (gradient.numpy() * competitor).sum()
    assert distribution.attained_margin(weights, keep_prob, x, y) == pytest.approx(means.min(), rel=1e-12)


@pytest.mark.parametrize("distribution", [Caps(4, 0.5), Sectors(4, 0.5)])
def test_a_wide_network_attains_the_limit(distribution):
    x, y = distribution.draw(np.random.default_rng(3), 400)
    gamma = distribution.margin(0.5)
    gaps = [
        abs(distribution.attained_margin(initial_weights(width, 4, 0)[0], 0.5, x, y) - gamma) for width in (20, 20_000)
    ]
    assert gaps[1] < 0.1 * gamma < gaps[0]


def test_the_margin_of_given_examples_is_bounded_from_both_sides():
    """Of caps the best psi is known; on given examples the margin is a little larger, as the closest ones may lack."""
    caps = Caps(6, 0.4)
    x, y = caps.draw(np.random.default_rng(0), 400)
    low, high = empirical_margin(x, y)
    known = 0.5 * (x[:, 0] * y).min()  # psi = u attains this on them, and no psi much more
    assert 0.9 * known < low < high < 1.3 * known
    assert empirical_margin(x, -y)[1] == pytest.approx(high, rel=1e-6)
    turned = np.random.default_rng(1).permutation(y)  # labels without meaning have next to no margin
    assert empirical_margin(x, turned)[1] < 0.5 * high


def test_the_margin_of_examples_without_negative_inputs_is_bounded_closely():
    """Like images, whose mean direction every z sees on one side: averages of a game's rounds are far off here."""
    generator = np.random.default_rng(0)
    y = np.where(generator.random(60) < 0.5, -1.0, 1.0)
    x = generator.random((60, 12)) + 0.6 * (y == 1)[:, None] * (np.arange(12) < 4)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    low, high = empirical_margin(x, y)
    assert 0.5 * high < low < high
