"""Confidence intervals by a seeded two-level bootstrap over runs (seeds) and over directions within a run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.numerics.seeds import numpy_generator


@dataclass(frozen=True)
class Interval:
    """A value with percentile bootstrap bounds.

    Attributes:
        value: the mean over groups of the statistic of each group, not resampled.
        low, high: percentiles of the same over the replicates in which it is defined; NaN if it is in none.
        level: the confidence level, e.g. 0.95.
        resampled: ``"seeds and rows"``, or ``"rows"`` if there was one group only: the bounds then say nothing
            about how much another seed would differ.
        replicates: how many were drawn.
        undefined: in how many of them the statistic was not finite.
    """

    value: float
    low: float
    high: float
    level: float
    resampled: str
    replicates: int
    undefined: int


def bootstrap_interval(
    statistic: Callable[[NDArray], float],
    groups: Sequence[ArrayLike],
    *,
    seed: int,
    purpose: str,
    replicates: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Bootstrap interval of the mean over groups of ``statistic(group)``.

    A replicate draws as many groups as there are, with replacement, then within each drawn group as many rows as
    it has, with replacement; a group drawn twice has its rows drawn twice independently. Rows are kept
    whole, so columns of one direction stay together. With few groups (three seeds) such bounds are rough: they
    cannot reach beyond what those seeds show.

    Args:
        statistic: maps the rows (n, ...) of one group to a number, NaN where it is undefined.
        groups: one array per seed, one row per direction (or step).
        seed, purpose: the draws depend on these two only.

    Raises:
        ValueError: no group, or a group without rows.
    """
    rows = [np.asarray(group) for group in groups]
    if not rows or not all(len(group) for group in rows):
        raise ValueError(f"{purpose}: a bootstrap needs at least one group, and rows in every group.")
    generator = numpy_generator(seed, "bootstrap", purpose)
    drawn = np.empty(replicates)
    for replicate in range(replicates):
        chosen = generator.integers(len(rows), size=len(rows))
        drawn[replicate] = np.mean(
            [statistic(rows[k][generator.integers(len(rows[k]), size=len(rows[k]))]) for k in chosen]
        )
    defined = drawn[np.isfinite(drawn)]
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (math.nan, math.nan)
    return Interval(
        value=float(np.mean([statistic(group) for group in rows])),
        low=float(low),
        high=float(high),
        level=level,
        resampled="seeds and rows" if len(rows) > 1 else "rows",
        replicates=replicates,
        undefined=replicates - len(defined),
    )
