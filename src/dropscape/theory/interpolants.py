"""Three functions through the same points as in paper B's Fig. 11, as explicit networks of equal width, float64.

The points lie on a straight line that bends once between the third and the fourth. ``MIDDLE`` bends where both halves
meet. ``LEFT`` has two convexity changes more there, ``RIGHT`` three separate intercepts without one. All
neurons have one direction.

What is left to choose for a given function and width m is how many equal neurons share each bend. A bend c shared by k
of them adds ``(s/2n) c^2 q / k`` to R_1, q being the sum of ``(x_i - t)^2`` over the data points beyond t, so that R_1
is at least ``(s/2n) (sum |c| sqrt(q))^2 / m``, reached where k is proportional to ``|c| sqrt(q)``. Without a given
width the comparison would be empty: R_1 of any function tends to 0 as its neurons are split further.
"""

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dropscape.theory.ridges import Ridges

X = np.arange(1.0, 6.0)
SLOPE, CONSTANT = -1.0, 3.0
LEFT, MIDDLE, RIGHT = "more convexity changes", "minimal", "separate intercepts"
BENDS: dict[str, Sequence[tuple[float, float]]] = {
    LEFT: [(3.125, 2.5), (3.5, -2.5), (3.875, 2.5)],
    MIDDLE: [(3.5, 2.5)],
    RIGHT: [(3.125, 1.0), (3.5, 0.5), (3.875, 1.0)],
}
"""Intercept and bend of each, by curve; sums and first moments are equal, so all pass through the same points."""


def targets() -> NDArray:
    """Targets at ``X``: the values of the function that bends once."""
    ((t, bend),) = BENDS[MIDDLE]
    return SLOPE * X + CONSTANT + bend * np.maximum(X - t, 0.0)


def network(curve: str, neurons: int) -> Ridges:
    """The curve's network with least R_1 among those whose neurons on one intercept are equal.

    Args:
        curve: a key of ``BENDS``.
        neurons: m, at least one for each bend.
    """
    t, bends = (np.array(values) for values in zip(*BENDS[curve], strict=True))
    lengths = np.sqrt((np.maximum(np.subtract.outer(X, t), 0.0) ** 2).sum(axis=0))
    counts = shared(np.abs(bends) * lengths, neurons)
    w = np.ones(neurons)
    return Ridges(np.repeat(bends / counts, counts), w, -np.repeat(t, counts), SLOPE, CONSTANT)


def shared(sizes: NDArray, total: int) -> NDArray:
    """Counts k >= 1 with sum ``total`` that make sum sizes^2 / k least; exact.

    Each term is convex in its count, so giving one more to where it takes away most is optimal at every step.

    Raises:
        ValueError: ``total`` is less than one each.
    """
    if total < len(sizes):
        raise ValueError(f"{total} neurons cannot share {len(sizes)} bends: write at least one for each.")
    counts = np.ones(len(sizes), dtype=int)
    heap = [(-(size**2) / 2, place) for place, size in enumerate(sizes)]
    heapq.heapify(heap)
    for _ in range(total - len(sizes)):
        _, place = heap[0]
        counts[place] += 1
        gain = sizes[place] ** 2 / (counts[place] * (counts[place] + 1))
        heapq.heapreplace(heap, (-gain, place))
    return counts
