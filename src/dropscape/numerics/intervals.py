"""Confidence intervals by a seeded two-level bootstrap over runs (seeds) and over directions within a run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.numerics.seeds import numpy_generator


@dataclass(frozen=True)
class Interval:
    """The mean over groups of the statistic of each, with percentile bootstrap bounds.

    The bounds are of the replicates in which it is defined; NaN if it is in none. They are widened to the value: what
    is biased in replicates, such as the R^2 of unrelated numbers, would lie outside of its own interval. Those of one
    group say nothing about how much another seed would differ.
    """

    value: float
    low: float
    high: float
    undefined: int  # in how many replicates the statistic was not finite


def bootstrap_interval(
    statistic: Callable[[NDArray], float],
    groups: Sequence[ArrayLike],
    *,
    seed: int,
    purpose: str,
    replicates: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Bootstrap the mean over groups of ``statistic(group)``.

    A replicate draws as many groups as there are, with replacement, then within each drawn group as many rows as
    it has, with replacement; a group drawn twice has its rows drawn twice independently. Rows stay whole. With few
    groups (three seeds) such bounds are rough: they cannot reach beyond what those seeds show.

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
    value = float(np.mean([statistic(group) for group in rows]))
    return Interval(
        value=value,
        low=float(np.fmin(low, value)) if len(defined) else math.nan,
        high=float(np.fmax(high, value)) if len(defined) else math.nan,
        undefined=replicates - len(defined),
    )
