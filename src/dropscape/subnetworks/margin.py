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
    """Compute the minimum of E_B[y <grad g(W_1; x, B), V>] over examples, in float64.

    V has the rows a_r psi(w_r) / sqrt(m) (paper D, after Assumption 1), so that this is the mean over the neurons of
    q y <psi(w_r), x> 1{w_r . x > 0}; as m grows it approaches gamma. ``weights`` are W_1, (m, d), ``keep_prob`` is q,
    and the inputs (n, d) have the labels (n,), -1 or 1.
    """
    weights = weights.astype(np.float64)
    competitor = distribution.competitor(weights)
    smallest = np.inf
    for start in range(0, len(inputs), _EXAMPLES):
        chunk = slice(start, start + _EXAMPLES)
        x, y = inputs[chunk].astype(np.float64), labels[chunk].astype(np.float64)
        gained = np.where(x @ weights.T > 0, x @ competitor.T, 0).mean(axis=1)
        smallest = min(smallest, float((keep_prob * y * gained).min()))
    return smallest
