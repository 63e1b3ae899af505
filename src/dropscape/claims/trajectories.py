"""How closely methods follow each other along training (paper C, Fig. 1a, Fig. 2, App. C).

A band reaches from the smallest to the largest value over a method's trials, as the figures show it. Recorded steps
count by the training that they stand for, so that no statistic depends on where the steps are dense. A trial that
diverged is left out from there on; steps at which fewer than two trials of a method are left are not compared, and a
setting of which less than half of the training is left says nothing. Bounds leave out each trial in turn, the same one
of all methods, whose trials share their starts, for the means; the bands, which that can only narrow, stay.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.measured import Measured, join_notes, over_trials, unmeasured, with_interval
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.equations.settings import Method
from dropscape.schema import KeepProb, Positive

TRIALS_LEFT = 2  # that a mean and a band need
TRAINING_LEFT = 0.5  # share of the training that a comparison needs

Column = Literal["loss", "test_loss", "test_accuracy"]
Group = Sequence[str]  # methods that are compared with each other
Means = Sequence[NDArray]  # of each of them (K,), over its trials


@dataclass(frozen=True)
class Compared:
    """Trajectories of several methods at one setting, at the steps that are compared."""

    trials: Mapping[str, NDArray]  # by method the values of the trials that all have (T, K), NaN where one had diverged
    weights: NDArray  # (K,) what each step stands for, in shares of what is compared
    share: float  # of the training that is compared
    diverged: Mapping[str, int]  # by method how many trials have no value at the last recorded step

    def along(self, values: NDArray) -> float:
        """The mean along training of those values (K,) that are defined."""
        defined = np.isfinite(values)
        total = self.weights[defined].sum()
        return float(self.weights[defined] @ values[defined] / total) if total else math.nan

    def means(self, group: Group) -> Means:
        """Of each of the methods (K,), over its trials."""
        return [mean_of_trials(self.trials[name]) for name in group]


Trajectories = Mapping[tuple[float, float], Compared]


class TrajectoriesStatistic(ExperimentStatistic):
    """A statistic that compares the trajectories of several methods at one or all settings."""

    column: Column = Field("loss", description="What is compared.")
    learning_rate: Positive | None = Field(None, description="One learning rate; null means all.")
    keep_prob: KeepProb | None = Field(None, description="One keep probability; null means all.")

    def trajectories(self, tables: Tables, experiment: str, methods: Sequence[str]) -> Trajectories:
        """The trajectories of the methods by (learning rate, keep_prob), at the settings that are asked for.

        NotMeasuredError if there is no such setting, or one in which a method was not simulated.
        """
        table = tables.experiment_table(experiment, "trajectories")
        by_setting = at_setting(table, self.learning_rate, self.keep_prob).groupby(["learning_rate", "keep_prob"])
        found = {setting: _compared(rows, methods, self.column) for setting, rows in by_setting}
        if not found or not all(found.values()):
            what = f"{experiment} has no trajectories of {' and '.join(methods)} to compare"
            raise NotMeasuredError(what + setting_note(self.learning_rate, self.keep_prob))
        return found

    def weakest(
        self,
        tables: Tables,
        experiment: str,
        groups: Sequence[Group],
        statistic: Callable[[Compared, Group, Means], float],
        over: Literal["smallest", "largest"],
    ) -> Measured:
        """The extreme of the statistic over settings and groups of methods."""
        trajectories = self.trajectories(tables, experiment, list(dict.fromkeys(chain.from_iterable(groups))))
        keys = [
            (setting, group)
            for setting, compared in trajectories.items()
            if compared.share >= TRAINING_LEFT
            for group in groups
            if not math.isnan(statistic(compared, group, compared.means(group)))
        ]
        if not keys:
            return unmeasured(_diverged(trajectories) or "no defined point")
        found, index = over_trials(
            [partial(_of_trials, statistic, trajectories[setting], group) for setting, group in keys],
            [np.stack([trajectories[setting].trials[name] for name in group], axis=1) for setting, group in keys],
            over,
        )
        (learning_rate, keep_prob), group = keys[index]
        where = f"of {len(keys)}, " if len(keys) > 1 else ""
        note = f"{where}{', '.join(group)} at learning rate {learning_rate:g}, keep {keep_prob:g}"
        units = min(len(trajectories[setting].trials[group[0]]) for setting, group in keys)
        return with_interval(found, units, join_notes(note, _diverged(trajectories)), "trial")


def _of_trials(
    statistic: Callable[[Compared, Group, Means], float], compared: Compared, group: Group, trials: NDArray
) -> float:
    """The statistic of the means of trials (T, methods, K)."""
    return statistic(compared, group, [mean_of_trials(trials[:, index]) for index in range(len(group))])


class MethodPairsStatistic(TrajectoriesStatistic):
    """A statistic that compares methods in pairs."""

    methods: list[Method] = Field(description="The methods, which are compared in pairs.", min_length=2)

    @property
    def pairs(self) -> list[Group]:
        """Every two of the methods."""
        return list(combinations(self.methods, 2))


def trial_names(table: pd.DataFrame) -> pd.Series:
    """The trial of each row, whichever seed it is of."""
    return table["seed"].astype(str) + "/" + table["trial"].astype(str)


def at_setting(table: pd.DataFrame, learning_rate: float | None, keep_prob: float | None) -> pd.DataFrame:
    """The rows of the settings that are asked for."""
    for name, value in (("learning_rate", learning_rate), ("keep_prob", keep_prob)):
        table = table if value is None else table[np.isclose(table[name], value)]
    return table


def setting_note(learning_rate: float | None, keep_prob: float | None) -> str:
    """Which settings are asked for, in words."""
    asked = {"learning rate": learning_rate, "keep": keep_prob}
    written = [f"{name} {value:g}" for name, value in asked.items() if value is not None]
    return f" at {', '.join(written)}" if written else ""


def _compared(rows: pd.DataFrame, methods: Sequence[str], column: str) -> Compared | None:
    """The trajectories of one setting; None if a method was not simulated there, or with other trials."""
    if not set(methods) <= set(rows["method"]):
        return None
    rows = rows.assign(trial=trial_names(rows))
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
    return Compared(
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


def mean_of_trials(values: NDArray) -> NDArray:
    """Mean over the trials (T, K) with a value; NaN where there is none."""
    count = np.isfinite(values).sum(axis=0)
    return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)


def _diverged(trajectories: Trajectories) -> str:
    """Such as ``6 of 6 trials of descent diverge at learning rate 1, keep 0.3``, and what is left of the training."""
    notes = []
    for (learning_rate, keep_prob), compared in trajectories.items():
        counts = [(name, count, len(compared.trials[name])) for name, count in compared.diverged.items() if count]
        if counts:
            lost = " and ".join(f"{count} of {total} trials of {name}" for name, count, total in counts)
            left = f", {compared.share:.0%} of the training compared" if compared.share < 1 else ""
            notes.append(f"{lost} diverge at learning rate {learning_rate:g}, keep {keep_prob:g}{left}")
    return join_notes(*notes)
