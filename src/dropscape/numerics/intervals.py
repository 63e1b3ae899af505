"""Confidence intervals of what a few independent units say: seeds, trials, networks. All are of 95 %, float64.

``student`` and ``jackknife`` take a unit as one draw, however many directions, steps or examples it was measured on:
what shares a training is not independent. Their coverage is simulated in the tests: at least 93 % with 3, 5 and 10
units that are normal, of unequal variances, or skewed like a gamma distribution of shape 4; strongly skewed positive
numbers need the logarithm. Fewer than two units have no interval; scipy is imported where it is needed, because the
workflow imports this module whenever it is parsed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
NEARLY_ONE = 1 - 1e-12  # a correlation of 1 has no Fisher transform

Scale = Literal["linear", "log", "correlation"]


@dataclass(frozen=True)
class Interval:
    """A value and its bounds, NaN where there are none."""

    value: float
    low: float = math.nan
    high: float = math.nan

    def through(self, function: Callable[[float], float]) -> "Interval":
        """The same under an increasing function."""
        return Interval(*(float(function(bound)) for bound in (self.value, self.low, self.high)))

    def magnitude(self) -> "Interval":
        """The interval of the absolute value; its lower bound is 0 where 0 is inside."""
        ends = sorted((abs(self.low), abs(self.high)))
        return Interval(abs(self.value), 0.0 if self.low <= 0 <= self.high else ends[0], ends[1])


def student(values: ArrayLike, scale: Scale = "linear", level: float = LEVEL) -> Interval:
    """The mean of one value a unit (n,), with Student's t bounds.

    ``log`` takes the geometric mean, for ratios and factors, ``correlation`` averages Fisher's transforms. An undefined
    value makes the mean undefined.
    """
    from scipy import stats

    forth, back = {"linear": (_same, _same), "log": (np.log, _exp), "correlation": (_fisher, np.tanh)}[scale]
    with np.errstate(divide="ignore", invalid="ignore"):
        transformed = forth(np.asarray(values, dtype=np.float64))
        count, mean = len(transformed), transformed.mean()
        if count < 2:
            return Interval(float(back(mean)))
        margin = stats.t.ppf((1 + level) / 2, count - 1) * transformed.std(ddof=1) / math.sqrt(count)
        return Interval(mean, mean - margin, mean + margin).through(back)


def normal(value: float, error: float, level: float = LEVEL) -> Interval:
    """An estimate with its standard error, which is known, and normal bounds."""
    from scipy import special

    margin = float(special.ndtri((1 + level) / 2)) * error
    return Interval(value, value - margin, value + margin)


def jackknife(statistic: Callable[[NDArray], float], units: NDArray, level: float = LEVEL) -> Interval:
    """A smooth statistic of all units (n, ...) together, with Student's t bounds from leaving each out in turn.

    Of a mean they are those of ``student``. Bounds are undefined where leaving a unit out makes the statistic so.
    """
    from scipy import stats

    count, value = len(units), float(statistic(units))
    if count < 2:
        return Interval(value)
    without = np.array([statistic(np.delete(units, index, axis=0)) for index in range(count)])
    error = math.sqrt((count - 1) / count * np.square(without - without.mean()).sum())
    margin = stats.t.ppf((1 + level) / 2, count - 1) * error
    return Interval(value, value - margin, value + margin)


def largest(intervals: Callable[[float], Sequence[Interval]]) -> tuple[Interval, int]:
    """The largest of K values and which it is; ``intervals`` gives them all at a level.

    The upper bound is that of the setting with the highest one, which covers the largest value because that setting is
    among them. The lower bound must hold at every setting at once: each has a K-th of the error (Bonferroni).
    """
    plain = intervals(LEVEL)
    careful = intervals(1 - (1 - LEVEL) / len(plain))
    index = int(np.argmax([one.value for one in plain]))
    bounds = max(one.low for one in careful), max(one.high for one in plain)
    undefined = any(math.isnan(bound) for one in plain for bound in (one.low, one.high))
    return Interval(plain[index].value, *((math.nan, math.nan) if undefined else bounds)), index


def smallest(intervals: Callable[[float], Sequence[Interval]]) -> tuple[Interval, int]:
    """The smallest of K values and which it is, as ``largest``."""
    found, index = largest(lambda level: [negative(one) for one in intervals(level)])
    return negative(found), index


def negative(interval: Interval) -> Interval:
    """The interval of minus the value."""
    return Interval(-interval.value, -interval.high, -interval.low)


def median(values: ArrayLike) -> Interval:
    """The median of one value a unit (n,), with the widest order statistics that cover it, whatever its distribution.

    Fewer than six units have no such bounds.
    """
    from scipy import stats

    ordered = np.sort(np.asarray(values, dtype=np.float64))
    below = int(stats.binom.ppf((1 - LEVEL) / 2, len(ordered), 0.5)) - 1  # P(fewer than so many are below) <= 2.5 %
    if below < 0:
        return Interval(float(np.median(ordered)))
    return Interval(float(np.median(ordered)), float(ordered[below]), float(ordered[-1 - below]))


def share(count: int, total: int) -> Interval:
    """A share with Clopper and Pearson's exact bounds."""
    from scipy import stats

    bounds = stats.binomtest(count, total).proportion_ci(LEVEL, method="exact")
    return Interval(count / total, float(bounds.low), float(bounds.high))


def _same(values: ArrayLike) -> ArrayLike:
    return values


def _exp(value: float) -> float:
    return float(np.exp(value))  # infinite where math.exp would raise


def _fisher(values: NDArray) -> NDArray:
    return np.arctanh(np.clip(values, -NEARLY_ONE, NEARLY_ONE))
