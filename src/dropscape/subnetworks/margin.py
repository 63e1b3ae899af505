"""The margin that a finite network's competitor has, against that of infinite width."""

import numpy as np
from numpy.typing import NDArray

from dropscape.subnetworks.distributions import Distribution

_EXAMPLES = 256  # at a time


def attained_margin(
    distribution: Distribution,
    weights: NDArray[np.float32],
    keep_prob: float,
    inputs: NDArray[np.float32],
    labels: NDArray[np.float32],
) -> float:
    """The least of E_B[y <grad g(W_1; x, B), V>] over examples, in float64.

    V has the rows a_r psi(w_r) / sqrt(m) (paper D, after Assumption 1), so that this is the mean over the neurons of
    q y <psi(w_r), x> 1{w_r . x > 0}; with m it comes near gamma.

    Args:
        distribution: whose psi it is.
        weights: W_1, (m, d).
        keep_prob: q.
        inputs: (n, d).
        labels: (n,), -1 or 1.
    """
    weights = weights.astype(np.float64)
    competitor = distribution.competitor(weights)
    least = np.inf
    for start in range(0, len(inputs), _EXAMPLES):
        part = slice(start, start + _EXAMPLES)
        x, y = inputs[part].astype(np.float64), labels[part].astype(np.float64)
        gained = np.where(x @ weights.T > 0, x @ competitor.T, 0).mean(axis=1)
        least = min(least, float((keep_prob * y * gained).min()))
    return least
