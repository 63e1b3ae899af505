"""What a statistic says of a claim: a value, its interval, and how many independent units it rests on.

Seeds are independent, and so are trials, small random networks and pairs of random matrices. Directions, steps and
recorded iterates of one training are not: they are points, and each unit gives one value of all of its points.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.numerics import intervals
from dropscape.numerics.intervals import Interval, Scale

Reduced = Literal["smallest", "mean", "largest"]


@dataclass(frozen=True)
class Measured:
    """The value of a statistic with its bounds, what it rests on and what a reader should know."""

    value: float
    low: float
    high: float
    units: int
    note: str = ""
    unit: str = "seed"
    points: int | None = None  # in the smallest unit, where a value rests on several
    decisive: bool = False  # whether one unit is enough, as for a counter-example
    void: str = ""  # why nothing is judged, where the value does not say what the claim is about

    @property
    def counted(self) -> str:
        """The units in words, such as ``3 seeds``."""
        return f"{self.units:,} {self.unit}{'' if self.units == 1 else 's'}"


def unmeasured(why: str) -> Measured:
    """A statistic that has no value, and why."""
    return Measured(math.nan, math.nan, math.nan, 0, why)


def with_interval(interval: Interval, units: int, note: str = "", unit: str = "seed") -> Measured:
    """A value with the interval of so many units."""
    return Measured(interval.value, interval.low, interval.high, units, note, unit)


def counted(value: float, units: int, note: str, unit: str = "seed", decisive: bool = False) -> Measured:
    """What was found, such as a number of counter-examples: it has no sampling error."""
    return Measured(float(value), float(value), float(value), units, note, unit, decisive=decisive)


def over_seeds(values: ArrayLike, note: str = "", scale: Scale = "linear", points: int | None = None) -> Measured:
    """The mean of one value a seed (S,)."""
    found = intervals.student(values, scale)
    return Measured(found.value, found.low, found.high, len(np.asarray(values)), note, points=points)


def over_groups(statistic: Callable[[NDArray], float], groups: Sequence[NDArray], scale: Scale = "linear") -> Measured:
    """The mean over seeds of a statistic of the directions of each."""
    if not groups or not all(map(len, groups)):
        return unmeasured("no defined point")
    return over_seeds([statistic(group) for group in groups], scale=scale, points=fewest_points(groups))


def fewest_points(groups: Sequence[NDArray]) -> int:
    """The distinct rows of the smallest group: a direction that stands for its neighbours too is one point."""
    return min(len(np.unique(group, axis=0)) for group in groups)


def over_settings(
    rows: NDArray, over: Reduced, note: str = "", scale: Scale = "linear", magnitude: bool = False
) -> Measured:
    """The smallest, the mean or the largest of the means over seeds of rows (S, settings), or of their magnitudes."""

    def at(level: float) -> list[Interval]:
        found = [intervals.student(column, scale, level) for column in rows.T]
        return [one.magnitude() for one in found] if magnitude else found

    if over == "mean":
        return over_seeds(rows.mean(axis=1), note, scale)
    extreme = {"largest": intervals.largest, "smallest": intervals.smallest}[over]
    return with_interval(extreme(at)[0], len(rows), note)


def over_trials(
    statistics: Sequence[Callable[[NDArray], float]], trials: Sequence[NDArray], over: Literal["smallest", "largest"]
) -> tuple[Interval, int]:
    """The extreme of statistics, each of the trials (T, ...) at its own setting, and which of them it is."""

    def at(level: float) -> list[Interval]:
        return [intervals.jackknife(one, of, level) for one, of in zip(statistics, trials, strict=True)]

    return {"largest": intervals.largest, "smallest": intervals.smallest}[over](at)


def join_notes(*notes: str) -> str:
    """The notes that say anything, as one."""
    return "; ".join(note for note in notes if note)
