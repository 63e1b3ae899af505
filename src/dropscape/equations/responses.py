"""What the noise does to dropout and its equations to first and second order (paper C): control variates for both."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from dropscape.equations.activations import activation_called
from dropscape.equations.draws import Draws
from dropscape.equations.modified_loss import hessian_product, modified_gradient
from dropscape.equations.network import Parameters, Sample, forward, gradient
from dropscape.equations.noise import mask_coefficients, noise_coefficients
from dropscape.equations.simulation import Simulation

# Step of the central differences, relative to the first response: in float64 they are right to some 1e-8.
_STEP = 1e-3


def responses(
    simulation: Simulation, start: Parameters, train: Sample, trials: int, at: Sequence[int]
) -> Iterator[tuple[Parameters, Parameters, Parameters]]:
    """Xi and zeta of every trial and gradient descent on L_S, one trial, after each of the steps ``at``, in order.

    Around the path of gradient descent on L_S, theta_{N+1} = theta_N - eta B(theta_N) from the simulation's start,

        xi_{N+1}   = xi_N - eta [B'(theta_N) xi_N + noise_N(theta_N)],                                   xi_0 = 0,
        zeta_{N+1} = zeta_N - eta [B'(theta_N) zeta_N + B''(theta_N)[xi_N, xi_N] / 2 + noise_N'(theta_N) xi_N],

    with the very masks or normals of the simulation. A trial is theta_N + xi + zeta + O(eta^(3/2)), with xi of size
    sqrt(eta) and zeta of size eta. The noise at a fixed theta_N has expectation 0, so ``E xi_N = 0`` for every eta; and
    it has the same covariance along dropout and along its equations, so that ``E zeta_N`` and the covariance of xi
    are the same. In a difference of two expectations all these can be taken off.

    The normals of an equation's inner steps act together, as if they came at the start of their step: what is said of
    expectations stays, and what is lost is of higher order. All trials have one start, or each its own.
    """
    keep_prob, rate = simulation.keep_prob, simulation.learning_rate
    activation = activation_called(simulation.activation)
    draws = simulation.draws(start, trials)
    first = second = Parameters(*(value.new_zeros(trials, *value.shape[1:]) for value in start))
    for step in range(max(at)):
        alpha, beta = _coefficients(simulation, draws, step, start.a.dtype)
        passed = forward(start, train, activation)
        drift = modified_gradient(passed, keep_prob)
        sides = [forward(start.add_scaled(first, side * _STEP), train, activation) for side in (1, -1)]
        drifts = [modified_gradient(side, keep_prob) for side in sides]
        noises = [gradient(side, alpha, beta) for side in sides]
        curved = [
            (one - 2 * here + other) / (2 * _STEP**2)
            for one, here, other in zip(drifts[0], drift, drifts[1], strict=True)
        ]
        varied = [(one - other) / (2 * _STEP) for one, other in zip(*noises, strict=True)]
        second = second.add_scaled(hessian_product(passed, keep_prob, second), -rate)
        second = second.add_scaled(Parameters(*curved), -rate).add_scaled(Parameters(*varied), -rate)
        drawn = gradient(passed, alpha, beta)
        first = first.add_scaled(hessian_product(passed, keep_prob, first), -rate).add_scaled(drawn, -rate)
        start = start.add_scaled(drift, -rate)
        if step + 1 in at:
            yield first, second, start


def _coefficients(simulation: Simulation, draws: Draws, step: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """``(alpha, beta)`` with which ``gradient`` is the noise of a step."""
    if simulation.method == "dropout":
        return mask_coefficients(draws.mask(step, simulation.keep_prob).to(dtype), simulation.keep_prob)
    root = math.sqrt(simulation.inner_steps)
    units, pairs = draws.units(step).sum(dim=0).div_(root).to(dtype), sum(draws.pairs(step)) / root
    return noise_coefficients(units, pairs, simulation.keep_prob)
