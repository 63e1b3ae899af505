"""Indices that are evenly spaced on a logarithmic axis."""

import numpy as np
from numpy.typing import NDArray


def represented(indices: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """How many of 1 to ``total`` each of some ascending indices among them stands for: those that it is nearest to.

    With each repeated so often, a fit or a rank correlation weighs all indices alike, though only some are measured.
    """
    return np.diff([0, *(indices[1:] + indices[:-1]) // 2, total])


def log_spaced_indices(total: int, count: int) -> NDArray[np.int64]:
    """Choose ``min(count, total)`` distinct indices of ``range(total)``, ascending, evenly spaced on a log axis.

    The first is 0 and the last ``total - 1``. At the start, where even spacing would be closer than one index a step,
    every index is taken; the remaining ones are spread evenly over what is left.

    Raises:
        ValueError: ``total`` is less than 1, or ``count`` less than 2 (1 if ``total`` is 1).
    """
    if total < 1 or count < min(2, total):
        raise ValueError(f"cannot choose {count} indices, first and last included, out of {total}.")
    count = min(count, total)
    ranks = [1]
    for left in range(count - 1, 0, -1):
        even = ranks[-1] * (total / ranks[-1]) ** (1 / left)
        ranks.append(max(ranks[-1] + 1, round(even)))
    return np.array(ranks, dtype=np.int64) - 1
