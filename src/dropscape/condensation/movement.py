"""Measures how far neurons turn and parameters move, and what neurons contribute (paper B, section VI.A).

Condensed neurons have turned. The share of the amplitude that few orientations hold also rises where neurons die
without turning. All results are float64.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.condensation.features import unit_rows

DEAD = 0.01  # of the layer's mean contribution: all dead neurons together hold less than this share


def contributions(features: ArrayLike, outgoing: ArrayLike) -> NDArray[np.float64]:
    """Compute each neuron's root mean square contribution to the next layer over the examples, (m,).

    That is |a_j| (mean_i f_j(x_i)^2)^(1/2), whose squares R_1 sums for the last hidden layer (paper B, eq. 4).

    Args:
        features: f(x_i), (n, m), before dropout.
        outgoing: the weights a that read them, (k, m).
    """
    size = np.sqrt(np.square(np.asarray(features, dtype=np.float64)).mean(axis=0))
    return size * np.linalg.norm(np.asarray(outgoing, dtype=np.float64), axis=0)


def dead(contributed: NDArray) -> NDArray[np.bool_]:
    """Say which neurons contribute at most ``DEAD`` of the layer's mean, (m,)."""
    return contributed <= DEAD * contributed.mean()


def rotation(vectors: ArrayLike, initial: ArrayLike, weights: ArrayLike) -> float:
    """Average the angle between each neuron's input weight and its initial one, in degrees from 0 to 180.

    Args:
        vectors, initial: (m, d) input weights; neurons where either is zero have no angle and do not count.
        weights: (m,) of the average, such as ``contributions``; NaN where they are all zero.
    """
    now, nonzero = unit_rows(vectors)
    before, was_nonzero = unit_rows(initial)
    both = nonzero & was_nonzero
    now, before = now[both[nonzero]], before[both[was_nonzero]]
    # 2 arctan2(|u - v|, |u + v|) keeps small angles that the arccosine of a cosine near 1 loses.
    angles = 2 * np.arctan2(np.linalg.norm(now - before, axis=1), np.linalg.norm(now + before, axis=1))
    weights = np.asarray(weights, dtype=np.float64)[both]
    return float(np.degrees(weights @ angles / weights.sum())) if weights.sum() > 0 else np.nan


def relative_movement(parameters: Mapping[str, NDArray], initial: Mapping[str, NDArray]) -> float:
    """Compute |theta - theta_0| / |theta_0| over all the named parameters; two independent draws have about 1.41."""
    moved = sum(np.square(parameters[name] - initial[name]).sum() for name in initial)
    return float(np.sqrt(moved / sum(np.square(value).sum() for value in initial.values())))
