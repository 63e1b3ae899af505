"""What the noise does to first order: a part of every trial's end whose expectation is known to be exactly 0.

Around the path of gradient descent on L_S, theta_{N+1} = theta_N - eta B(theta_N) from the simulation's start,

    xi_{N+1} = xi_N - eta [Hessian of L_S(theta_N) xi_N + noise_N(theta_N)],    xi_0 = 0,

with the very masks or normals of the simulation. The noise at a fixed theta_N has expectation 0, so ``E xi_N = 0`` for
every eta, and a simulation's end minus its xi has the same expectation as the end itself. Ends vary by O(sqrt(eta)),
ends minus xi by O(eta): what is left is of second order in the noise (a control variate).
"""

import math

import torch

from dropscape.equations.activations import activation_called
from dropscape.equations.modified_loss import hessian_product, modified_gradient
from dropscape.equations.network import Parameters, Sample, forward, gradient
from dropscape.equations.noise import mask_coefficients, noise_coefficients
from dropscape.equations.simulation import Simulation


def linear_response(simulation: Simulation, start: Parameters, train: Sample, trials: int) -> Parameters:
    """The response xi of every trial after the simulation's steps.

    The normals of an equation's inner steps act together, as if they came at the start of their step: the expectation
    stays 0, and what is lost is of higher order.

    Args:
        simulation: a ``dropout`` simulation or one of an equation.
        start: of one trial that all start from, or of each of them.
    """
    keep_prob, rate = simulation.keep_prob, simulation.learning_rate
    dtype, device = start.a.dtype, start.a.device
    draws = simulation.draws(start, trials)
    response = Parameters(*(torch.zeros(trials, *value.shape[1:], dtype=dtype, device=device) for value in start))
    for step in range(simulation.steps):
        passed = forward(start, train, activation_called(simulation.activation))
        if simulation.method == "dropout":
            alpha, beta = mask_coefficients(draws.mask(step, keep_prob).to(dtype), keep_prob)
        else:
            root = math.sqrt(simulation.inner_steps)
            z, pairs = draws.units(step).sum(dim=0).div_(root).to(dtype), sum(draws.pairs(step)) / root
            alpha, beta = noise_coefficients(z, pairs, keep_prob)
        drawn = gradient(passed, alpha, beta)
        response = response.add_scaled(hessian_product(passed, keep_prob, response), -rate).add_scaled(drawn, -rate)
        start = start.add_scaled(modified_gradient(passed, keep_prob), -rate)
    return response
