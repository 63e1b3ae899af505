"""What the theorems of paper D promise of a run of Algorithm 1: its projection, error, distances and active neurons."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_STEPS = 1e60  # far beyond any run


def max_norm(dimension: int, width: int, gamma: float | None = None) -> float:
    """Compute the c of Theorem 4.1; where no margin is known, without the term that it decides."""
    extra = 2 * math.sqrt(math.log(width))
    return math.sqrt(dimension) + max(extra, 0.0 if gamma is None else 1 / (14 * gamma**2)) + 1


def active_bound(width: int, keep_prob: float, steps: int, delta: float) -> float:
    """Bound the neurons that a mask of the first ``steps`` keeps, with probability 1 - delta (after Theorem 4.2)."""
    return keep_prob * width + math.sqrt(2 * width * math.log(steps / delta))


def margin_deviation(width: ArrayLike, steps: ArrayLike, delta: float = 0.05) -> NDArray[np.float64]:
    """Bound how far y_t <grad g_t(W_1), V> is below gamma at any of ``steps``, with probability 1 - delta.

    It is the mean of m independent terms between -1 and 1 whose expectation is gamma or more (Assumption 1), to which
    Hoeffding's inequality applies; the main text says of Lemma B.4 only that it is concentrated.
    """
    return np.sqrt(2 * np.log(np.asarray(steps) / delta) / np.asarray(width))


def _competitor_weight(gamma: float, learning_rate: float, steps: float, width: int, c: float) -> float:
    """Compute lambda of Theorem 4.1."""
    eta_steps = learning_rate * steps
    inside = 44 * math.log(24 * eta_steps * c * math.sqrt(width))
    return (5 * math.log(2 * eta_steps) + math.sqrt(inside)) / gamma


def informative_steps(gamma: float, learning_rate: float, width: int, c: float) -> float:
    """Find the number T of steps from which on the bound of Theorem 4.1 is below 1, which no error exceeds."""
    from scipy.optimize import brentq  # here, because statistics of claims import this module

    def bound(log_steps: float) -> float:
        steps = math.exp(log_steps)
        return math.log(4 * _competitor_weight(gamma, learning_rate, steps, width, c) ** 2 / (learning_rate * steps))

    # From eta T = e^2 on, where it is above 1 for every gamma up to 1, the bound falls.
    return math.exp(brentq(bound, math.log(math.exp(2) / learning_rate), math.log(MOST_STEPS)))


def theorem_bounds(
    gamma: float, learning_rate: float, steps: int, width: int, c: float, delta: float
) -> dict[str, float]:
    """Compute the quantities of Theorems 4.1 and 4.2 and of Lemma 5.2 for a run of T ``steps``.

    They are lambda, the weight of the competitor U = W_1 + lambda V; required_width, from which on the bounds hold;
    error_bound, of the iterates' mean misclassification, in expectation; compression_bound, of the visited
    sub-networks', with probability 1 - ``delta``; informative_steps, the T from which on the first of the two is below
    1; distance_bound, of |w_r,t - w_r,1| for all neurons and iterates, with high probability. ``gamma`` is the margin
    of Assumption 1, ``learning_rate`` eta, in (0, ln 2), and ``c`` that of the projection.
    """
    lambda_ = _competitor_weight(gamma, learning_rate, steps, width, c)
    return {
        "lambda": lambda_,
        "required_width": 2401 * gamma**-6 * lambda_**2,
        "error_bound": 4 * lambda_**2 / (learning_rate * steps),
        "compression_bound": 12 * lambda_**2 / (learning_rate * steps) + 6 * math.log(1 / delta) / steps,
        "informative_steps": informative_steps(gamma, learning_rate, width, c),
        "distance_bound": 7 * lambda_ / (2 * gamma * math.sqrt(width)),
    }
