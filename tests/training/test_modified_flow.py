"""In which sense dropout follows the flow of R_S + R_1 + R_2 (paper B, eq. 6): orders in the learning rate, in float64.

All masks of a network of two hidden units are enumerated, so every mean is exact. The orders are those of the distance
after a fixed number of steps; per unit of time they are lower by one.
"""

import itertools
import math

import numpy as np
import pytest
import torch

from dropscape.dropout.layers import set_keep_prob
from dropscape.models.losses import squared_error_per_example
from dropscape.models.masked_fnn import MaskedFullyConnected
from dropscape.training.micro_batches import Batches
from dropscape.training.objectives import OBJECTIVES, add_gradients

RATES = (8e-3, 4e-3, 2e-3, 1e-3)
MASKS = list(itertools.product([True, False], repeat=2))


class Fixed:
    """Stands for ``ModuleMasks``: one mask for all examples."""

    shared = True

    def __init__(self, kept):
        self.kept = torch.tensor([kept])

    def mask(self, *_):
        return self.kept


class Problem:
    """A network 1-2-1 of tanh on four examples; gradients as functions of its parameters (7,)."""

    def __init__(self, keep_prob):
        torch.manual_seed(3)
        self.model = MaskedFullyConnected((1, 2, 1), "tanh").double()
        set_keep_prob(self.model, keep_prob)
        inputs = torch.linspace(-1, 1, 4, dtype=torch.float64)[:, None]
        self.batches = Batches(inputs, torch.sin(3 * inputs), 3)
        self.start = torch.nn.utils.parameters_to_vector(self.model.parameters()).detach()
        self.probabilities = [math.prod(keep_prob if kept else 1 - keep_prob for kept in mask) for mask in MASKS]

    def gradient(self, theta, objective, mask=(True, True), penalty=0.0):
        torch.nn.utils.vector_to_parameters(theta, self.model.parameters())
        self.model.zero_grad()
        masks = Fixed(mask)
        add_gradients(OBJECTIVES[objective], self.model, self.batches, squared_error_per_example, masks, 0, penalty)
        return torch.cat([parameter.grad.flatten() for parameter in self.model.parameters()])

    def mean_gradient(self, theta, objective, penalty=0.0):
        """Over all masks."""
        parts = zip(self.probabilities, MASKS, strict=True)
        return sum(probability * self.gradient(theta, objective, mask, penalty) for probability, mask in parts)

    def gradient_of_trace(self, theta):
        """grad Tr Sigma, Sigma the covariance of grad R_S^drop, as the mean less the square of the mean."""
        mean_square = self.mean_gradient(theta, "dropout_plus_r2", 4.0) - self.mean_gradient(theta, "dropout")
        return mean_square - self.gradient_of_square(theta)

    def gradient_of_square(self, theta, h=1e-5):
        """grad |grad(R_S + R_1)|^2 = 2 H grad(R_S + R_1), the product by a central difference."""
        mean = self.gradient(theta, "risk_plus_r1")
        ahead, behind = (self.gradient(theta + sign * h * mean, "risk_plus_r1") for sign in (1, -1))
        return (ahead - behind) / h


def flow(theta, gradient, time, parts=4):
    """Along minus the gradient by Runge and Kutta's rule of fourth order."""
    h = time / parts
    for _ in range(parts):
        k1 = -gradient(theta)
        k2 = -gradient(theta + h / 2 * k1)
        k3 = -gradient(theta + h / 2 * k2)
        k4 = -gradient(theta + h * k3)
        theta = theta + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return theta


def order(distances):
    """The slope of distances over ``RATES`` on logarithmic axes."""
    return np.polyfit(np.log(RATES), np.log(distances), 1)[0]


def descended(problem, masks, rate):
    theta = problem.start
    for mask in masks:
        theta = theta - rate * problem.gradient(theta, "dropout", mask)
    return theta


@pytest.mark.parametrize(("objective", "expected"), [("dropout", 2), ("dropout_plus_r2", 3)])
@pytest.mark.parametrize("mask", MASKS[:3])
def test_a_step_follows_the_flow_of_its_own_masks_loss_with_r2(mask, objective, expected):
    """What eq. 6 is the mean of: each step is the flow of R_S^drop + (rate/4)|grad R_S^drop|^2 under its masks."""
    problem = Problem(0.8)
    distances = []
    for rate in RATES:
        ideal = flow(problem.start, lambda theta, rate=rate: problem.gradient(theta, objective, mask, rate), rate)
        distances.append((descended(problem, [mask], rate) - ideal).norm().item())
    assert order(distances) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(("objective", "expected"), [("dropout", 2), ("dropout_plus_r2", 3)])
def test_the_mean_over_all_orders_of_all_masks_follows_r_s_plus_r_1_plus_r_2(objective, expected):
    """Eq. 6 for the mean iterate, where every mask comes once: at keep probability 1/2 they are equally likely."""
    problem = Problem(0.5)
    distances = []
    for rate in RATES:
        orders = list(itertools.permutations(MASKS))
        mean = sum(descended(problem, masks, rate) for masks in orders) / len(orders)
        ideal = flow(
            problem.start, lambda theta, rate=rate: problem.mean_gradient(theta, objective, rate), 4 * rate, parts=8
        )
        distances.append((mean - ideal).norm().item())
    assert order(distances) == pytest.approx(expected, abs=0.06)


def test_the_mean_over_independent_masks_follows_it_but_for_the_trace_of_the_noise():
    """Where masks are drawn anew, only |grad(R_S + R_1)|^2 of R_2 is in the mean iterate; Tr Sigma is not."""
    problem, steps = Problem(0.8), 2
    distances = {"risk_plus_r1": [], "eq6": [], "square": []}
    for rate in RATES:
        mean = torch.zeros_like(problem.start)
        for masks in itertools.product(range(4), repeat=steps):
            probability = math.prod(problem.probabilities[index] for index in masks)
            mean += probability * descended(problem, [MASKS[index] for index in masks], rate)

        def square(theta, rate=rate):
            return problem.gradient(theta, "risk_plus_r1") + rate / 4 * problem.gradient_of_square(theta)

        gradients = {
            "risk_plus_r1": lambda theta: problem.gradient(theta, "risk_plus_r1"),
            "eq6": lambda theta, rate=rate: problem.mean_gradient(theta, "dropout_plus_r2", rate),
            "square": square,
        }
        ends = {name: flow(problem.start, gradient, steps * rate) for name, gradient in gradients.items()}
        for name, end in ends.items():
            distances[name].append((mean - end).norm().item())
    assert order(distances["risk_plus_r1"]) == pytest.approx(2, abs=0.06)
    assert order(distances["eq6"]) == pytest.approx(2, abs=0.06)
    assert order(distances["square"]) == pytest.approx(3, abs=0.06)
    missing = steps * RATES[-1] ** 2 / 4 * problem.gradient_of_trace(problem.start)
    assert (mean - ends["eq6"] - missing).norm() < 0.05 * missing.norm()


def test_the_mean_of_the_noisy_gradient_is_that_of_r_s_plus_r_1():
    problem = Problem(0.8)
    for theta in (problem.start, 2 * problem.start):
        noisy, exact = problem.mean_gradient(theta, "dropout"), problem.gradient(theta, "risk_plus_r1")
        torch.testing.assert_close(noisy, exact, rtol=1e-12, atol=1e-15)
