"""How far an equation's expected end is from dropout's: |E Theta_T - E theta_T| from trials (paper C, Fig. 1b, c).

The norm of a mean of N noisy differences is on average larger than the norm of their expectation: its square is too
large by tr V, V being the covariance of the mean, however small the error is. ``|mean|^2 - tr V`` is unbiased (it is
the U-statistic of the products of two different trials). Both are given.

Differences of pairs of trials vary less if the pair shares its first-order randomness (``dropscape.equations.draws``),
and much less if each trial's ``linear_response`` is taken off. Neither changes the expectation.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dropscape.equations.activations import activation_called
from dropscape.equations.modified_loss import hessian_product, modified_gradient
from dropscape.equations.network import Parameters, Sample, forward, gradient
from dropscape.equations.noise import mask_coefficients, noise_coefficients
from dropscape.equations.simulation import Simulation, simulate


def end_differences(
    equation: Simulation,
    start: Parameters,
    train: Sample,
    trials: int,
    *,
    coupled: bool = True,
    controlled: bool = True,
    batch: int = 500,
) -> Tensor:
    """Theta_T - theta_T of pairs of trials, one of the equation and one of dropout, (N, m (k + d)) float64.

    The rows are independent, and their expectation is that of Theta_T - theta_T, whatever the two choices.

    Args:
        equation: of order 1 or 2; the dropout trials have its other settings.
        start: of one trial, where all start.
        trials: N.
        coupled: let the two of a pair share their first-order randomness.
        controlled: take each trial's linear response off.
        batch: trials simulated together; part of the random numbers' keys.

    Raises:
        DivergenceError: a trial's parameters left the finite numbers.
        ConfigurationError: a batch cannot be shared among the equation's seeds.
    """
    rows = []
    for first in range(0, trials, batch):
        count = min(batch, trials - first)
        purpose = f"{equation.purpose}/{first}"
        pair = (
            replace(equation, purpose=purpose),
            replace(equation, purpose=purpose if coupled else f"{purpose}/dropout", method="dropout"),
        )
        ends = []
        for simulation in pair:
            end = simulate(simulation, start.expanded(count), train).parameters
            if controlled:
                end = end.add_scaled(linear_response(simulation, start, train, count), -1.0)
            ends.append(end.vectors().double())
        rows.append(ends[0] - ends[1])
    return torch.cat(rows)


def linear_response(simulation: Simulation, start: Parameters, train: Sample, trials: int) -> Parameters:
    """What the noise does to first order: a part xi of every trial's end whose expectation is known to be exactly 0.

    Around the path of gradient descent on L_S, theta_{N+1} = theta_N - eta B(theta_N) from the simulation's start,

        xi_{N+1} = xi_N - eta [Hessian of L_S(theta_N) xi_N + noise_N(theta_N)],    xi_0 = 0,

    with the very masks or normals of the simulation. The noise at a fixed theta_N has expectation 0, so
    ``E xi_N = 0`` for every eta, and a simulation's end minus its xi has the same expectation as the end itself. Ends
    vary by O(sqrt(eta)), ends minus xi by O(eta): what is left is of second order in the noise (a control variate).

    The normals of an equation's inner steps act together, as if they came at the start of their step: the expectation
    stays 0, and what is lost is of higher order. All trials have one start, or each its own.
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


@dataclass(frozen=True)
class WeakError:
    """An estimate of the norm of an expectation from N independent differences."""

    squared: float  # the unbiased estimate of its square, which may be negative
    squared_error: float  # the standard error of ``squared``
    norm: float  # the root of ``squared``; NaN where that is not positive
    norm_error: float  # the standard error of ``norm``, to first order; NaN with it
    norm_of_mean: float  # the norm of the mean, biased upwards
    sampling_error: float  # the root of tr V, what ``norm_of_mean`` is on average (in square) if the expectation is 0
    trials: int  # N


def weak_error(differences: Tensor) -> WeakError:
    """Both estimates from differences (N, q), also of any other test functions; fewer than three are a ValueError.

    For independent rows of expectation mu and covariance N V the variance of ``|mean|^2 - tr V`` is exactly
    ``4 mu^T V mu + 2 tr(V^2) N/(N-1)``. Here mu^T V mu and tr(V^2) are estimated without bias for normal differences,
    but the first not below 0: where mu is lost in the noise the standard error is some 30 % too large.
    """
    trials = len(differences)
    if trials < 3:
        raise ValueError(f"{trials} trials were given; a weak error with its standard error needs at least three.")
    differences = differences.double()
    mean = differences.mean(dim=0)
    centred = (differences - mean) / math.sqrt(trials * (trials - 1))  # centred^T centred estimates V
    trace = float(centred.square().sum())
    # The smaller of the two matrices that have the same eigenvalues.
    gram = centred @ centred.T if trials < centred.shape[1] else centred.T @ centred
    degrees = trials - 1
    square_trace = float(gram.square().sum()) - trace**2 / degrees
    square_trace = max(square_trace * degrees**2 / ((degrees - 1) * (degrees + 2)), 0.0)
    along_mean = max(float((centred @ mean).square().sum()) - square_trace, 0.0)
    squared = float(mean @ mean) - trace
    squared_error = math.sqrt(4 * along_mean + 2 * square_trace * trials / degrees)
    norm = math.sqrt(squared) if squared > 0 else math.nan
    return WeakError(
        squared=squared,
        squared_error=squared_error,
        norm=norm,
        norm_error=squared_error / (2 * norm),
        norm_of_mean=float(mean.norm()),
        sampling_error=math.sqrt(trace),
        trials=trials,
    )
