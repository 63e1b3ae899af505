"""Power laws and rank correlations of paired values that span decades, float64."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dropscape.numerics.intervals import bootstrap_interval


@dataclass(frozen=True)
class PowerLaw:
    """log10 y = intercept + slope * log10 x.

    Attributes:
        slope, intercept: least squares; NaN with fewer than three points or one x only.
        slope_low, slope_high: bounds of the slope by Student's t, for independent residuals of equal variance.
            Neighbouring directions are not quite independent: ``bootstrap_interval`` over seeds is the wider word.
        r_squared: share of the variance of log10 y; NaN if y is constant.
        points: pairs used.
        undefined: pairs left out because a value is not finite or not positive.
    """

    slope: float
    intercept: float
    slope_low: float
    slope_high: float
    r_squared: float
    points: int
    undefined: int


def power_law(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> PowerLaw:
    """Least-squares power law of the pairs in which both values are finite and positive; the others are counted.

    Raises:
        ValueError: x and y are not vectors of one length.
    """
    x, y = _paired(x, y)
    usable = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    points, undefined = int(usable.sum()), int((~usable).sum())
    log_x, log_y = np.log10(x[usable]), np.log10(y[usable])
    if points < 3 or np.ptp(log_x) == 0:
        return PowerLaw(*[math.nan] * 5, points, undefined)
    dx, dy = log_x - log_x.mean(), log_y - log_y.mean()
    slope = dx @ dy / (dx @ dx)
    # From the residuals, not from 1 - r^2, which has no digits left when the fit is close.
    residual = np.sum((dy - slope * dx) ** 2)
    margin = stats.t.ppf((1 + level) / 2, points - 2) * math.sqrt(residual / (points - 2) / (dx @ dx))
    return PowerLaw(
        slope=float(slope),
        intercept=float(log_y.mean() - slope * log_x.mean()),
        slope_low=float(slope - margin),
        slope_high=float(slope + margin),
        r_squared=float(1 - residual / (dy @ dy)) if np.ptp(log_y) > 0 else math.nan,
        points=points,
        undefined=undefined,
    )


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation with bootstrap bounds over the pairs; ``undefined`` pairs were not finite."""

    value: float
    low: float
    high: float
    points: int
    undefined: int


def rank_correlation(
    x: ArrayLike, y: ArrayLike, *, seed: int, purpose: str, replicates: int = 1000, level: float = 0.95
) -> RankCorrelation:
    """Spearman's rank correlation of the finite pairs (ties get mean ranks); the others are counted.

    NaN with fewer than three points or where x or y is constant.

    Args:
        seed, purpose: as for ``bootstrap_interval``.

    Raises:
        ValueError: x and y are not vectors of one length.
    """
    x, y = _paired(x, y)
    usable = np.isfinite(x) & np.isfinite(y)
    points, undefined = int(usable.sum()), int((~usable).sum())
    pairs = np.column_stack([x, y])[usable]
    if points < 3:
        return RankCorrelation(math.nan, math.nan, math.nan, points, undefined)
    interval = bootstrap_interval(spearman, [pairs], seed=seed, purpose=purpose, replicates=replicates, level=level)
    return RankCorrelation(interval.value, interval.low, interval.high, points, undefined)


def spearman(pairs: NDArray) -> float:
    """Spearman's rank correlation of the two columns of (n, 2) finite pairs; NaN if a column is constant.

    A statistic for ``bootstrap_interval``.
    """
    ranks = stats.rankdata(pairs, axis=0)
    ranks -= ranks.mean(axis=0)
    norms = np.linalg.norm(ranks, axis=0)
    return float(ranks[:, 0] @ ranks[:, 1] / (norms[0] * norms[1])) if norms.all() else math.nan


def _paired(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y must be vectors of one length, not of shapes {x.shape} and {y.shape}.")
    return x, y
