"""Three functions through the same points as in paper B's Fig. 11, as explicit networks of equal width, float64.

The points lie on a straight line that bends once between the third and the fourth. ``MIDDLE`` bends where both halves
meet. ``LEFT`` has two convexity changes more there, ``RIGHT`` three separate intercepts without one. All
neurons have one direction.

What is left to choose for a given function and width m is how many equal neurons share each slope change. A change c
shared by k of them adds ``(s/2n) c^2 q / k`` to R_1, q being the sum of ``(x_i - t)^2`` over the data points beyond t,
so that R_1 is at least ``(s/2n) (sum |c| sqrt(q))^2 / m``, reached where k is proportional to ``|c| sqrt(q)``. Without
a given width the comparison would be empty: R_1 of any function tends to 0 as its neurons are split further.
"""

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dropscape.theory.relu_network_1d import ReluNetwork1d

X = np.arange(1.0, 6.0)
SLOPE, CONSTANT = -1.0, 3.0
LEFT, MIDDLE, RIGHT = "more convexity changes", "minimal", "separate intercepts"
SLOPE_CHANGES: dict[str, Sequence[tuple[float, float]]] = {
    LEFT: [(3.125, 2.5), (3.5, -2.5), (3.875, 2.5)],
    MIDDLE: [(3.5, 2.5)],
    RIGHT: [(3.125, 1.0), (3.5, 0.5), (3.875, 1.0)],
}
"""Intercept and slope change of each, with equal sums and first moments, so all pass through the same points."""


def targets() -> NDArray:
    """Targets at ``X``: the values of the function that bends once."""
    ((t, slope_change),) = SLOPE_CHANGES[MIDDLE]
    return SLOPE * X + CONSTANT + slope_change * np.maximum(X - t, 0.0)


def network(curve: str, neurons: int) -> ReluNetwork1d:
    """The network of a key of ``SLOPE_CHANGES`` with least R_1 among those whose neurons on one intercept are equal."""
    t, slope_changes = (np.array(values) for values in zip(*SLOPE_CHANGES[curve], strict=True))
    lengths = np.sqrt((np.maximum(np.subtract.outer(X, t), 0.0) ** 2).sum(axis=0))
    counts = shared(np.abs(slope_changes) * lengths, neurons)
    w = np.ones(neurons)
    return ReluNetwork1d(np.repeat(slope_changes / counts, counts), w, -np.repeat(t, counts), SLOPE, CONSTANT)


def shared(sizes: NDArray, total: int) -> NDArray:
    """Counts k >= 1 with sum ``total`` that make sum sizes^2 / k least; exact.

    Each term is convex in its count, so giving one more to where it takes away most is optimal at every step. A total
    of less than one each is a ValueError.
    """
    if total < len(sizes):
        raise ValueError(f"{total} neurons cannot share {len(sizes)} slope changes: write at least one for each.")
    counts = np.ones(len(sizes), dtype=int)
    heap = [(-(size**2) / 2, place) for place, size in enumerate(sizes)]
    heapq.heapify(heap)
    for _ in range(total - len(sizes)):
        _, place = heap[0]
        counts[place] += 1
        gain = sizes[place] ** 2 / (counts[place] * (counts[place] + 1))
        heapq.heapreplace(heap, (-gain, place))
    return counts
