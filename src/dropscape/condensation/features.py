"""Measures orientation and similarity of neurons (paper B, section VI.A.1), and what few orientations hold.

A neuron's input weight is the vector of its weights and, where the layer has biases, its bias (section III.D); those
of a layer are the rows of (m, d). All results are float64. A weight that is not finite is a DivergenceError.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from dropscape.errors import DivergenceError

# Full width of an orientation window in two dimensions: 10 degrees. Cones of cosine 0.95 are 36 degrees wide there, and
# four of them hold nearly every orientation of a tanh network, where opposite ones are the same.
WINDOW = math.radians(10)


def unit_rows(vectors: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scale the rows (m, d) that are not zero to length 1; return them and which of the m they are."""
    values = np.asarray(vectors, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DivergenceError("A neuron's input weight is not finite: lower the learning rate of the run.")
    largest = np.abs(values).max(axis=1)
    nonzero = largest > 0
    values = values[nonzero] / largest[nonzero, None]  # so that no square underflows
    return values / np.linalg.norm(values, axis=1, keepdims=True), nonzero


def orientations(vectors: ArrayLike) -> NDArray[np.float64]:
    """Compute the angle (m,) of each row (w, b) to the w axis, in radians in [-pi, pi); NaN of a zero row."""
    directions, nonzero = unit_rows(vectors)
    if directions.shape[1] != 2:
        raise ValueError(f"an orientation is an angle in two dimensions, not in {directions.shape[1]}.")
    angles = np.full(len(nonzero), np.nan)
    angles[nonzero] = np.arctan2(directions[:, 1], directions[:, 0])
    return np.where(angles == np.pi, -np.pi, angles)


def ordered_similarity(vectors: ArrayLike) -> NDArray[np.float64]:
    """Compute cosines (n, n) of the n rows (m, d) that are not zero, neighbours alike (paper B, Definition 3, Fig. 7).

    The order is that of the leaves of average-linkage clustering by 1 - cosine, turned so that the distances between
    neighbours add up to as little as the tree allows (scipy's optimal ordering).
    """
    directions, _ = unit_rows(vectors)
    cosines = np.clip(directions @ directions.T, -1.0, 1.0)
    if len(cosines) < 3:
        return cosines
    distances = squareform(1 - cosines, checks=False)
    order = leaves_list(linkage(distances, method="average", optimal_ordering=True))
    return cosines[np.ix_(order, order)]


def leading_share(
    vectors: ArrayLike, weights: ArrayLike, threshold: float, either_sign: bool = False, count: int = 4
) -> float:
    """Find the largest share of the neurons' weights that ``count`` orientations hold; NaN if all are zero.

    In two dimensions an orientation is a window of angles of width ``WINDOW``, and the best disjoint windows are found
    exactly. In more dimensions it is the cone around a neuron in which the cosine is above ``threshold``, and cones
    are chosen one after the other, each for what it adds: at least 1 - 1/e, 63 %, of what the best ones hold.

    Args:
        vectors: (m, d) input weights.
        weights: (m,) amplitudes or contributions; those of zero vectors do not count.
        either_sign: whether opposite directions are one orientation, as of neurons with an odd activation.
        count: how many windows or cones.
    """
    directions, nonzero = unit_rows(vectors)
    weights = np.asarray(weights, dtype=np.float64)[nonzero]
    total = weights.sum()
    if not total > 0:
        return math.nan
    if directions.shape[1] == 2:
        angles = np.arctan2(directions[:, 1], directions[:, 0])
        held = _best_windows(angles, weights, np.pi if either_sign else 2 * np.pi, count)
    else:
        cosines = directions @ directions.T
        held = _greedy_cones((np.abs(cosines) if either_sign else cosines) > threshold, weights, count)
    return float(min(held / total, 1.0))


def _best_windows(angles: NDArray, weights: NDArray, period: float, count: int) -> float:
    """Find the largest weight in ``count`` disjoint windows on a circle, by dynamic programming.

    Best windows can be moved until each starts at an angle. The circle is cut where fewest such windows reach across:
    either none of the best ones does, or it can be cut at the start of one that does. From each cut angles are counted.
    """
    angles = angles % period
    order = np.argsort(angles, kind="stable")
    angles, weights = angles[order], weights[order]
    n = len(angles)
    after = np.searchsorted(np.concatenate([angles, angles + period]), angles + WINDOW, side="right") - np.arange(n)
    across = (np.arange(n) - np.arange(n)[:, None]) % n < np.minimum(after, n)[:, None]  # [i, j]: from i beyond j
    across[np.diag_indices(n)] = False
    place = across.sum(axis=0).argmin()
    cuts = np.append(np.flatnonzero(across[:, place]), place)
    sums, rows = np.concatenate([[0.0], np.cumsum(np.concatenate([weights, weights]))]), np.arange(len(cuts))
    best = np.zeros((count + 1, len(cuts), n + 1))  # best[k, c, j]: with k windows from the j-th angle after cut c on
    for j in range(n - 1, -1, -1):
        end = np.minimum(j + after[(cuts + j) % n], n)
        window = sums[cuts + end] - sums[cuts + j]
        best[1:, :, j] = np.maximum(best[1:, :, j + 1], window + best[:-1, rows, end])
    return float(best[count, :, 0].max())


def _greedy_cones(holds: NDArray[np.bool_], weights: NDArray, count: int) -> float:
    """Sum the weight that greedily chosen rows of ``holds`` (m, m) hold together."""
    left = weights.copy()
    for _ in range(count):
        left[holds[(holds @ left).argmax()]] = 0.0
    return float(weights.sum() - left.sum())
