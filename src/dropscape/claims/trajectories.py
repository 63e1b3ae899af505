"""The statistics of claims on how closely methods follow each other along training (paper C, Fig. 1a, Fig. 2, App. C).

A band reaches from the least to the greatest value over a method's trials, as the figures show it. Recorded steps
count by the training that they stand for, so that no statistic depends on where the steps are dense. A trial that
diverged is left out from there on; steps at which fewer than two trials of a method are left are not compared, and a
setting of which less than half of the training is left says nothing. Bounds are 95 % percentile bootstrap bounds:
trials are drawn anew for the means, the same ones for all methods, whose trials share their starts; the bands, which a
draw can only narrow, stay.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dropscape.claims.statistics import REPLICATES, Measured, unmeasured
from dropscape.claims.tables import NotMeasured, Tables
from dropscape.numerics.intervals import bootstrap_interval

TRIALS_LEFT = 2  # that a mean and a band need
TRAINING_LEFT = 0.5  # share of the training that a comparison needs


@dataclass(frozen=True)
class _Compared:
    """Trajectories of several methods at one setting, at the steps that are compared.

    Attributes:
        trials: by method the values of the trials that all have (T, K), NaN where a trial had diverged.
        weights: (K,) what each step stands for, in shares of what is compared.
        share: of the training that is compared.
        diverged: by method how many trials have no value at the last recorded step.
    """

    trials: Mapping[str, NDArray]
    weights: NDArray
    share: float
    diverged: Mapping[str, int]

    def means(self, method: str) -> NDArray:
        return _mean(self.trials[method])

    def width(self, *methods: str) -> float:
        """The mean width of the methods' bands along training."""
        widths = [np.nanmax(self.trials[name], axis=0) - np.nanmin(self.trials[name], axis=0) for name in methods]
        return float(self.weights @ np.mean(widths, axis=0))


def trajectory_distance(
    tables: Tables,
    experiment: str,
    claim: str,
    methods: Sequence[str],
    column: str = "loss",
    learning_rate: float | None = None,
    keep_prob: float | None = None,
) -> Measured:
    """Distance between the mean trajectories of two methods over the width of their bands (paper C, Fig. 1a and 2).

    The distance is the mean along training of |difference of the means over trials|, the width that of both methods'
    bands. Of several settings and pairs of ``methods`` the one with the greatest distance.
    """

    def distance(compared: _Compared, pair: Sequence[str], means: Sequence[NDArray]) -> float:
        width = compared.width(*pair)
        return _along(compared.weights, np.abs(means[0] - means[1])) / width if width else math.nan

    settings = _settings(tables, experiment, column, methods, learning_rate, keep_prob)
    return _weakest(settings, list(combinations(methods, 2)), distance, max, f"{claim}/{experiment}")


def trajectory_overlap(
    tables: Tables,
    experiment: str,
    claim: str,
    methods: Sequence[str],
    column: str = "loss",
    learning_rate: float | None = None,
    keep_prob: float | None = None,
) -> Measured:
    """Share of the training in which the mean of each of two methods lies within the other's band (paper C, Fig. 1a).

    Of several settings and pairs of ``methods`` the one with the smallest share.
    """

    def share(compared: _Compared, pair: Sequence[str], means: Sequence[NDArray]) -> float:
        inside = np.ones(len(compared.weights))
        for mean, other in zip(means, reversed(pair), strict=True):
            band = compared.trials[other]
            within = (np.nanmin(band, axis=0) <= mean) & (mean <= np.nanmax(band, axis=0))
            inside = np.where(np.isnan(mean), np.nan, inside * within)
        return _along(compared.weights, inside)

    settings = _settings(tables, experiment, column, methods, learning_rate, keep_prob)
    return _weakest(settings, list(combinations(methods, 2)), share, min, f"{claim}/{experiment}")


def distance_factor(
    tables: Tables,
    experiment: str,
    claim: str,
    far: str,
    near: str,
    reference: str = "dropout",
    column: str = "loss",
    learning_rate: float | None = None,
    keep_prob: float | None = None,
) -> Measured:
    """How many times farther from the reference's mean trajectory one method's is than another's (paper C, Fig. 2b).

    A distance is the mean along training of |difference of the means over trials|. Of several settings the one with
    the smallest factor.
    """

    def factor(compared: _Compared, three: Sequence[str], means: Sequence[NDArray]) -> float:
        one, other = (_along(compared.weights, np.abs(mean - means[2])) for mean in means[:2])
        return one / other if other else math.nan

    methods = [far, near, reference]
    settings = _settings(tables, experiment, column, methods, learning_rate, keep_prob)
    return _weakest(settings, [methods], factor, min, f"{claim}/{experiment}")


def share_below(
    tables: Tables,
    experiment: str,
    claim: str,
    method: str,
    others: Sequence[str],
    learning_rate: float,
    keep_prob: float,
    column: str = "test_accuracy",
) -> Measured:
    """Share of the training in which a method's mean lies below every trial of the others (paper C, Fig. 2b)."""

    def share(compared: _Compared, named: Sequence[str], means: Sequence[NDArray]) -> float:
        lowest = np.min([np.nanmin(compared.trials[other], axis=0) for other in named[1:]], axis=0)
        return _along(compared.weights, np.where(np.isnan(means[0]), np.nan, means[0] < lowest))

    methods = [method, *others]
    settings = _settings(tables, experiment, column, methods, learning_rate, keep_prob)
    measured = _weakest(settings, [methods], share, min, f"{claim}/{experiment}")
    (compared,) = settings.values()
    values = [f"{_along(compared.weights, compared.means(name)):.3g} of {name}" for name in methods]
    return replace(measured, note=f"{measured.note}; mean along training {', '.join(values)}")


def diverged_share(tables: Tables, experiment: str, claim: str, learning_rate: float, keep_prob: float) -> Measured:
    """Share of the trials of all methods that diverge (paper C, Fig. 2b); exact (Clopper-Pearson) 95 % bounds."""
    rows = _chosen(tables.of_experiment("divergences", experiment), learning_rate, keep_prob)
    if rows.empty:
        raise NotMeasured(f"{experiment} has no trials{_at(learning_rate, keep_prob)}")
    count, total = int(rows["diverged"].sum()), int(rows["trials"].sum())
    bounds = stats.binomtest(count, total).proportion_ci(method="exact")
    first = rows["first_step"].min()
    note = f"{count} of {total} trials" + (f", the first one after {first:.0f} steps" if count else "")
    return Measured(count / total, float(bounds.low), float(bounds.high), total, note)


def _settings(
    tables: Tables,
    experiment: str,
    column: str,
    methods: Sequence[str],
    learning_rate: float | None,
    keep_prob: float | None,
) -> dict[tuple[float, float], _Compared]:
    """The trajectories by (learning rate, keep_prob), those that are asked for.

    Raises:
        NotMeasured: no such setting, or one in which a method was not simulated.
    """
    rows = _chosen(tables.of_experiment("trajectories", experiment), learning_rate, keep_prob)
    settings = {key: _compared(own, methods, column) for key, own in rows.groupby(["learning_rate", "keep_prob"])}
    if not settings or not all(settings.values()):
        of = f"{experiment} has no trajectories of {' and '.join(methods)} to compare"
        raise NotMeasured(of + _at(learning_rate, keep_prob))
    return settings


def _chosen(table: pd.DataFrame, learning_rate: float | None, keep_prob: float | None) -> pd.DataFrame:
    """The rows of the settings that are asked for."""
    for name, value in (("learning_rate", learning_rate), ("keep_prob", keep_prob)):
        table = table if value is None else table[np.isclose(table[name], value)]
    return table


def _at(learning_rate: float | None, keep_prob: float | None) -> str:
    """What was asked for, in words."""
    asked = {"learning rate": learning_rate, "keep": keep_prob}
    parts = [f"{name} {value:g}" for name, value in asked.items() if value is not None]
    return f" at {', '.join(parts)}" if parts else ""


def _compared(rows: pd.DataFrame, methods: Sequence[str], column: str) -> _Compared | None:
    """The trajectories of one setting; None if a method was not simulated there, or with other trials."""
    if not set(methods) <= set(rows["method"]):
        return None
    rows = rows.assign(trial=rows["seed"].astype(str) + "/" + rows["trial"].astype(str))
    values = {
        method: rows[rows["method"] == method].pivot_table(index="trial", columns="step", values=column, dropna=False)
        for method in methods
    }
    trials, steps = (
        sorted(set.intersection(*(set(getattr(one, axis)) for one in values.values()))) for axis in ("index", "columns")
    )
    if not trials or not steps:
        return None
    arrays = {method: one.loc[trials, steps].to_numpy(dtype=float) for method, one in values.items()}
    usable = np.all([np.isfinite(one).sum(axis=0) >= min(TRIALS_LEFT, len(one)) for one in arrays.values()], axis=0)
    durations = _durations(np.array(steps, dtype=float))
    compared = durations[usable].sum()
    return _Compared(
        trials={method: one[:, usable] for method, one in arrays.items()},
        weights=durations[usable] / compared if compared else durations[usable],
        share=float(compared / durations.sum()),
        diverged={method: int(np.isnan(one[:, -1]).sum()) for method, one in arrays.items()},
    )


def _durations(steps: NDArray) -> NDArray:
    """The training that each recorded step stands for, half the way to its neighbours (the trapezoidal rule)."""
    if len(steps) == 1:
        return np.ones(1)
    gaps = np.diff(steps)
    return (np.append(gaps, 0) + np.append(0, gaps)) / 2


def _mean(values: NDArray) -> NDArray:
    """Mean over the trials (T, K) with a value; NaN where there is none."""
    count = np.isfinite(values).sum(axis=0)
    return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)


def _along(weights: NDArray, values: NDArray) -> float:
    """The mean along training of what is defined."""
    defined = np.isfinite(values)
    total = weights[defined].sum()
    return float(weights[defined] @ values[defined] / total) if total else math.nan


def _weakest(
    settings: Mapping[tuple[float, float], _Compared],
    groups: Sequence[Sequence[str]],
    statistic: Callable[[_Compared, Sequence[str], Sequence[NDArray]], float],
    choose: Callable,
    purpose: str,
) -> Measured:
    """The statistic where it is weakest, with bounds from drawing the trials of every method anew."""
    values = {
        (key, tuple(group)): statistic(compared, group, [compared.means(name) for name in group])
        for key, compared in settings.items()
        if compared.share >= TRAINING_LEFT
        for group in groups
    }
    values = {place: value for place, value in values.items() if not math.isnan(value)}
    if not values:
        return unmeasured(_diverged(settings) or "no defined point")
    (learning_rate, keep_prob), group = place = choose(values, key=values.get)
    compared = settings[learning_rate, keep_prob]
    count = len(compared.trials[group[0]])
    where = f"of {len(values)}, " if len(values) > 1 else ""
    note = f"{where}{', '.join(group)} at learning rate {learning_rate:g}, keep {keep_prob:g}; {count} trials"
    note = "; ".join(part for part in (note, _diverged(settings)) if part)
    if count == 1:
        return Measured(values[place], math.nan, math.nan, 1, f"{note}; one trial, no interval")
    interval = bootstrap_interval(
        lambda rows: statistic(compared, group, [_mean(rows[:, place]) for place in range(len(group))]),
        [np.stack([compared.trials[name] for name in group], axis=1)],
        seed=0,
        purpose=purpose,
        replicates=REPLICATES,
    )
    # A distance of means is on average larger in a draw, which has the sampling error twice: its bounds can miss it.
    low, high = min(interval.low, interval.value), max(interval.high, interval.value)
    return Measured(interval.value, low, high, count * len(group), note)


def _diverged(settings: Mapping[tuple[float, float], _Compared]) -> str:
    """Such as ``6 of 6 trials of descent diverge at learning rate 1, keep 0.3``, and what is left of the training."""
    parts = []
    for (learning_rate, keep_prob), compared in settings.items():
        lost = [
            f"{count} of {len(compared.trials[name])} trials of {name}"
            for name, count in compared.diverged.items()
            if count
        ]
        if lost:
            left = f", {compared.share:.0%} of the training compared" if compared.share < 1 else ""
            parts.append(f"{' and '.join(lost)} diverge at learning rate {learning_rate:g}, keep {keep_prob:g}{left}")
    return "; ".join(parts)
