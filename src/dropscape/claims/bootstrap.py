"""Bounds of statistics: 95 % percentile bootstrap bounds, or exact ones of a share.

Several seeds count equally: a value is the mean over seeds. Seeds belong together: in all runs of an experiment a seed
starts from the same draws.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dropscape.claims.statistic import Measured, Run, unmeasured
from dropscape.numerics.intervals import bootstrap_interval

REPLICATES = 500
OfRows = Callable[[NDArray], float]

Reduced = Literal["smallest", "mean", "largest"]
_REDUCE = {"smallest": np.min, "mean": np.mean, "largest": np.max}


def bootstrap(statistic: OfRows, groups: Sequence[NDArray], purpose: str, points: int, note: str = "") -> Measured:
    """The mean over groups of a statistic of their rows; ``purpose`` decides the draws."""
    interval = bootstrap_interval(statistic, groups, seed=0, purpose=purpose, replicates=REPLICATES)
    return Measured(interval.value, interval.low, interval.high, points, note)


def over_directions(statistic: OfRows, groups: Sequence[NDArray], claim: str, run: Run) -> Measured:
    """A statistic of the directions of each seed of a run, with bounds from drawing seeds and directions anew."""
    points = sum(len(group) for group in groups)
    groups = [group for group in groups if len(group)]
    if not groups:
        return unmeasured("no defined point")
    return bootstrap(statistic, groups, f"{claim}/{run.experiment}/{run.name}", points)


def over_seeds(statistic: OfRows, rows: NDArray, claim: str, experiment: str, note: str) -> Measured:
    """A statistic of rows (S, ...), one a seed, with bounds from drawing seeds anew; with one seed there are none."""
    points = int(np.prod(rows.shape[:2]))
    if len(rows) == 1:
        return Measured(statistic(rows), math.nan, math.nan, points, f"{note}; one seed, no interval")
    return bootstrap(statistic, [rows], f"{claim}/{experiment}", points, note)


def reduced_over_seeds(rows: NDArray, over: Reduced, claim: str, experiment: str, note: str) -> Measured:
    """The smallest, the mean or the largest of the means over seeds of rows (S, settings)."""
    return over_seeds(lambda drawn: float(_REDUCE[over](drawn.mean(axis=0))), rows, claim, experiment, note)


def exact_share(count: int, total: int, note: str = "") -> Measured:
    """A share with Clopper and Pearson's exact 95 % bounds."""
    from scipy import stats  # here, because the workflow imports the statistics whenever it is parsed

    bounds = stats.binomtest(count, total).proportion_ci(method="exact")
    return Measured(count / total, float(bounds.low), float(bounds.high), total, note)


def between_extremes(per_seed: pd.Series, points: int, note: str) -> Measured:
    """The mean over seeds, with the smallest and the largest of their values as bounds; NaN is left out."""
    return Measured(float(per_seed.mean()), float(per_seed.min()), float(per_seed.max()), points, note)
