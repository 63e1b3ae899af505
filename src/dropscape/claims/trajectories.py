"""How closely methods follow each other along training (paper C, Fig. 1a, Fig. 2, App. C).

Recorded steps count by the training that they stand for, so that no statistic depends on where the steps are dense. The
trials of all methods share their starts: trajectories are compared trial by trial, and bounds leave out each trial in
turn, the same one of all methods. A trial that diverges with any of them is left out, since its loss is arbitrarily
large before; a setting with less than half of its trials left says nothing. How far apart dropout's own masks drive it
is seen on ``REPLICATE``, dropout from the same starts with other masks. A claim is judged at each setting beside its
control there.
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
from dropscape.schema import KeepProb, Name, Positive

TRIALS_LEFT = 0.5  # share of the trials that a comparison needs

Column = Literal["loss", "test_loss", "test_accuracy"]
Group = Sequence[str]  # methods that are compared with each other
Values = Sequence[NDArray]  # of each of them (T, K)
REPLICATE = ["dropout", "dropout_again"]


@dataclass(frozen=True)
class Compared:
    """Trajectories of several methods at one setting."""

    trials: Mapping[str, NDArray]  # by method the values (T, K) of the trials that diverge with none of them
    weights: NDArray  # (K,) what each step stands for, in shares of the training
    simulated: int  # trials of each method
    diverged: Mapping[str, int]  # by method how many of them have no value at the last recorded step

    @property
    def share(self) -> float:
        """The share of the trials that are left."""
        return len(next(iter(self.trials.values()))) / self.simulated

    def along(self, values: NDArray) -> float:
        """The mean along training of values (K,)."""
        return float(self.weights @ values)

    def values(self, group: Group) -> Values:
        """Of each of the methods (T, K)."""
        return [self.trials[name] for name in group]

    def apart(self, one: NDArray, other: NDArray) -> float:
        """How far trajectories (T, K) from the same starts are apart: mean over trials and along training."""
        return self.along(np.abs(one - other).mean(axis=0))

    def means_apart(self, one: NDArray, other: NDArray) -> float:
        """How far the mean trajectories of trials (T, K) are apart, along training."""
        return self.along(np.abs((one - other).mean(axis=0)))


Trajectories = Mapping[tuple[float, float], Compared]


class TrajectoriesStatistic(ExperimentStatistic):
    """A statistic that compares the trajectories of several methods at one or all settings."""

    column: Column = Field("loss", description="What is compared.")
    learning_rate: Positive | None = Field(None, description="One learning rate; null means all.")
    keep_prob: KeepProb | None = Field(None, description="One keep probability; null means all.")
    other_experiments: list[Name] = Field([], description="Experiments on which the claim is judged as well.")

    def by_run(self, tables: Tables, experiment: str, run: str | None = None) -> list[tuple[str, bool, Measured]]:
        """Measure it at each setting that is asked for, of each of the experiments."""
        rows = []
        for name in [experiment, *self.other_experiments]:
            settings = self._settings(tables, name) or [(self.learning_rate, self.keep_prob)]
            for rate, keep_prob in settings:
                point = f"keep{keep_prob:g}-lr{rate:g}" if len(settings) > 1 else ""
                label = " ".join([name] * bool(self.other_experiments) + [point] * bool(point))
                own = self.model_copy(update={"learning_rate": rate, "keep_prob": keep_prob})
                rows.append((label, True, own._measured(tables, name)))
        return rows

    def _settings(self, tables: Tables, experiment: str) -> list[tuple[float, float]]:
        """Those of the experiment that are asked for, (learning rate, keep_prob)."""
        try:
            table = tables.experiment_table(experiment, "trajectories")
        except NotMeasuredError:
            return []
        asked = at_setting(table, self.learning_rate, self.keep_prob)
        return sorted(asked.groupby(["learning_rate", "keep_prob"]).groups)

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
        statistic: Callable[[Compared, Group, Values], float],
        over: Literal["smallest", "largest"],
        beside: Group = (),
    ) -> Measured:
        """The extreme over settings and groups of the statistic of a group and the methods ``beside`` all of them."""
        methods = list(dict.fromkeys([*chain.from_iterable(groups), *beside]))
        trajectories = self.trajectories(tables, experiment, methods)
        keys = [
            (setting, group)
            for setting, compared in trajectories.items()
            if compared.share >= TRIALS_LEFT
            for group in groups
            if not math.isnan(statistic(compared, group, compared.values([*group, *beside])))
        ]
        if not keys:
            return unmeasured(_diverged(trajectories) or "no defined point")
        found, index = over_trials(
            [partial(_of_trials, statistic, trajectories[setting], group) for setting, group in keys],
            [np.stack(trajectories[setting].values([*group, *beside]), axis=1) for setting, group in keys],
            over,
        )
        (learning_rate, keep_prob), group = keys[index]
        where = f"of {len(keys)}, " if len(keys) > 1 else ""
        note = f"{where}{', '.join(group)} at learning rate {learning_rate:g}, keep {keep_prob:g}"
        units = min(len(trajectories[setting].trials[group[0]]) for setting, group in keys)
        return with_interval(found, units, join_notes(note, _diverged(trajectories)), "trial")


def _of_trials(
    statistic: Callable[[Compared, Group, Values], float], compared: Compared, group: Group, trials: NDArray
) -> float:
    """The statistic of trials (T, methods, K)."""
    return statistic(compared, group, list(trials.swapaxes(0, 1)))


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
    left = np.all([np.isfinite(one).all(axis=1) for one in arrays.values()], axis=0)
    durations = _durations(np.array(steps, dtype=float))
    return Compared(
        trials={method: one[left] for method, one in arrays.items()},
        weights=durations / durations.sum(),
        simulated=len(trials),
        diverged={method: int(np.isnan(one[:, -1]).sum()) for method, one in arrays.items()},
    )


def _durations(steps: NDArray) -> NDArray:
    """The training that each recorded step stands for, half the way to its neighbours (the trapezoidal rule)."""
    if len(steps) == 1:
        return np.ones(1)
    gaps = np.diff(steps)
    return (np.append(gaps, 0) + np.append(0, gaps)) / 2


def _diverged(trajectories: Trajectories) -> str:
    """Such as ``6 of 6 trials of descent diverge at learning rate 1, keep 0.3``."""
    notes = []
    for (learning_rate, keep_prob), compared in trajectories.items():
        counts = [(name, count) for name, count in compared.diverged.items() if count]
        if counts:
            lost = " and ".join(f"{count} of {compared.simulated} trials of {name}" for name, count in counts)
            notes.append(f"{lost} diverge at learning rate {learning_rate:g}, keep {keep_prob:g}")
    return join_notes(*notes)
