"""Power laws and Spearman's rank correlation of paired values that span decades, float64.

A fit has no interval of its own: neighbouring directions of one training are not independent, so that its residuals say
little about another seed. Intervals are over the fits of several seeds (``numerics.intervals``).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NUMERICALLY_ZERO = 1e-8  # of the largest eigenvalue: float32 resolves no more, and the rest belongs in no fit


@dataclass(frozen=True)
class PowerLaw:
    """log10 y = intercept + slope * log10 x by least squares; NaN with fewer than three points or one x only."""

    slope: float
    intercept: float
    r_squared: float  # share of the variance of log10 y; NaN if y is constant
    points: int  # pairs used
    undefined: int  # pairs left out because a value is not finite or not positive


def power_law(x: ArrayLike, y: ArrayLike) -> PowerLaw:
    """Fit a least-squares power law to the pairs in which both values are finite and positive; count the others.

    Raises:
        ValueError: x and y are not vectors of one length.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y must be vectors of one length, not of shapes {x.shape} and {y.shape}.")
    usable = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    points, undefined = int(usable.sum()), int((~usable).sum())
    log_x, log_y = np.log10(x[usable]), np.log10(y[usable])
    if points < 3 or np.ptp(log_x) == 0:
        return PowerLaw(*[math.nan] * 3, points, undefined)
    dx, dy = log_x - log_x.mean(), log_y - log_y.mean()
    slope = dx @ dy / (dx @ dx)
    # From the residuals, not from 1 - r^2, which has no digits left when the fit is close.
    residual = np.sum((dy - slope * dx) ** 2)
    return PowerLaw(
        slope=float(slope),
        intercept=float(log_y.mean() - slope * log_x.mean()),
        r_squared=float(1 - residual / (dy @ dy)) if np.ptp(log_y) > 0 else math.nan,
        points=points,
        undefined=undefined,
    )


def spearman(pairs: NDArray) -> float:
    """Compute Spearman's rank correlation of the columns of (n, 2) finite pairs; NaN if one is constant."""
    from scipy import stats  # here, because the workflow imports this module whenever it is parsed

    ranks = stats.rankdata(pairs, axis=0)
    ranks -= ranks.mean(axis=0)
    norms = np.linalg.norm(ranks, axis=0)
    return float(ranks[:, 0] @ ranks[:, 1] / (norms[0] * norms[1])) if norms.all() else math.nan
