"""Measures the effective ratio of a layer: how few orientations its neurons have (paper B, Definition 2).

The effective neuron number is the smallest number of directions such that every neuron's input weight is parallel to
one of them, u // w where cos(u, w) is above a threshold (section III.D); u may be any direction, not only a neuron's.
Neurons that are parallel to one u lie in a cone, so it is the smallest number of cones that cover the neurons, and two
neurons have a cone in common exactly where the cosine between them is above 2 threshold^2 - 1, that of twice the angle.

In two dimensions it is computed exactly. In more, smallest covers by cones are NP-hard to find; a cover and a packing
bound the number from above and from below. The bounds meet where neurons are either close to or far from one another,
as in high dimensions they are before training and where they have condensed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.condensation.features import unit_rows

# Steps towards the cone of a set of neurons; a set that is undecided after them counts as not fitting.
CONE_STEPS = 200


@dataclass(frozen=True)
class EffectiveNeurons:
    """Bounds on the effective neuron number of a layer."""

    upper: int  # the size of a set of directions that was found; the number itself where it equals the lower bound
    lower: int  # no set is smaller
    zero: int  # how many neurons have no direction, because their input weight is zero; they need no u


def effective_neurons(vectors: ArrayLike, threshold: float = 0.95, either_sign: bool = False) -> EffectiveNeurons:
    """Bound the effective neuron number of a layer, whose neurons have the input weights ``vectors`` (m, d), d >= 2.

    All is computed in float64. ``threshold`` is that of the cosine, between 0.71 and 1, as the configuration takes it;
    with ``either_sign`` a vector of opposite direction is parallel too.
    """
    directions, nonzero = unit_rows(vectors)
    if directions.shape[1] == 2:
        angles = np.arctan2(directions[:, 1], directions[:, 0])
        upper = lower = _min_arcs(angles, 2 * np.arccos(threshold), np.pi if either_sign else 2 * np.pi)
    else:
        # Ties are broken by the order of the neurons, so that the order is made to depend on the directions alone.
        directions = directions[np.lexsort(np.round(directions, 9).T)]
        cosines = directions @ directions.T
        upper = len(cover(cosines, threshold, either_sign))
        lower = len(packing(np.abs(cosines) if either_sign else cosines, threshold))
    return EffectiveNeurons(upper, lower, int((~nonzero).sum()))


def cover(cosines: NDArray, threshold: float, either_sign: bool = False) -> list[NDArray[np.int64]]:
    """Group neurons such that each group has a direction whose cosine with all of it is above the threshold.

    Greedy: a group begins with the neurons that are parallel to the one with most of them, and takes in others in the
    order of their closeness to it as long as a cone holds them all. ``cosines`` (n, n) are those of the neurons.
    """
    signs = np.sign(cosines) if either_sign else np.ones_like(cosines)
    near = cosines * signs
    parallel, reachable = near > threshold, near > 2 * threshold**2 - 1
    left = np.ones(len(near), dtype=bool)
    counts, groups = parallel.sum(axis=1), []
    while left.any():
        centre = np.where(left, counts, -1).argmax()
        group = list(np.flatnonzero(parallel[centre] & left))
        others = np.flatnonzero(reachable[centre] & ~parallel[centre] & left)
        for other in others[np.argsort(-near[centre, others], kind="stable")]:
            wider = [*group, other]
            # Within reach of one centre, signs that agree with it agree with each other in any common cone.
            turned = np.outer(signs[centre, wider], signs[centre, wider]) * cosines[np.ix_(wider, wider)]
            if fits_one_cone(turned, threshold):
                group = wider
        left[group] = False
        counts = counts - parallel[:, group].sum(axis=1)
        groups.append(np.array(group))
    return groups


def fits_one_cone(cosines: NDArray, threshold: float) -> bool:
    """Search a direction whose cosine with each of the unit vectors is above the threshold; tell whether one was found.

    The best direction is that of the shortest vector in their convex hull, and its length is the smallest cosine.
    Gilbert's algorithm (1966) comes near it: the length of each of its vectors bounds the smallest cosine from above.
    ``cosines`` (k, k) are those of the vectors.
    """
    if cosines.min() <= 2 * threshold**2 - 1:
        return False
    products = cosines.mean(axis=1)  # of the vector with each of the k
    square = products.mean()
    for _ in range(CONE_STEPS):
        farthest = products.argmin()
        length = np.sqrt(square)
        if products[farthest] > threshold * length:
            return True
        if length <= threshold:
            return False
        step = (square - products[farthest]) / (square - 2 * products[farthest] + 1)
        square = (1 - step) ** 2 * square + 2 * step * (1 - step) * products[farthest] + step**2
        products = (1 - step) * products + step * cosines[:, farthest]
    return False


def packing(cosines: NDArray, threshold: float) -> list[int]:
    """Choose neurons of which no two have a cone in common: every cover needs one cone for each.

    Greedy: the neuron that shares a cone with the fewest others that are left comes first. ``cosines`` (n, n) are those
    of the neurons; their moduli where opposite directions are parallel.
    """
    conflicts = cosines > 2 * threshold**2 - 1
    np.fill_diagonal(conflicts, True)
    left = np.ones(len(cosines), dtype=bool)
    counts, chosen = conflicts.sum(axis=1), []
    while left.any():
        neuron = int(np.where(left, counts, len(left) + 1).argmin())
        gone = conflicts[neuron] & left
        left &= ~gone
        counts = counts - conflicts[:, gone].sum(axis=1)
        chosen.append(neuron)
    return chosen


def _min_arcs(angles: NDArray, width: float, period: float) -> int:
    """Count the fewest open arcs of the given width that cover the angles on a circle.

    Arcs of a smallest cover can be moved until each starts at an angle; from there each next one best starts at the
    first angle that is not covered yet. All n starts are followed at once, until the first of them has come round.
    """
    n = len(angles)
    if n == 0:
        return 0
    angles = np.sort(angles % period)
    starts = np.arange(n)
    after = np.searchsorted(np.concatenate([angles, angles + period]), angles + width, side="left")
    positions, arcs = after.copy(), 1
    while not (positions - starts >= n).any():
        positions = after[positions % n] + positions // n * n
        arcs += 1
    return arcs
