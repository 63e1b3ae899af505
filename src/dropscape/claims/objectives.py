"""What trainings on different objectives reach, pair by pair (paper B, sections V and VII.C)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Run, Tables
from dropscape.training.settings import Objective


class Path(NamedTuple):
    """The loss on the lines between two runs' end points."""

    alphas: NDArray  # (K,), 0 at the first end point
    losses: NDArray  # (S, K)
    distance: float  # of the end points, relative to their norms, the mean over seeds


class TwoObjectivesStatistic(ExperimentStatistic):
    """A statistic that compares trainings on two objectives."""

    first: Objective = Field(description="The objective that the one runs descend.")
    second: Objective = Field(description="The objective that the others descend.")

    def paths(self, tables: Tables, experiment: str, other_seeds: bool = False) -> dict[tuple[str, str], Path]:
        """By pair of runs the losses from the first objective's end point to the second's, of each or of another seed.

        NotMeasuredError if no pair was measured.
        """
        objectives = {run.name: run.objective for run in tables.experiment_runs(experiment)}
        table = tables.experiment_table(experiment, "interpolations")
        table = table[(table["seed"] != table["second_seed"]) == other_seeds]
        paths = {}
        for ends, rows in table.groupby(["first", "second"], sort=False):
            losses = rows.pivot_table(index="seed", columns="alpha", values="loss", dropna=False)
            distance = float(rows["distance"].mean())
            if tuple(objectives[end] for end in ends) == (self.first, self.second):
                paths[ends] = Path(losses.columns.to_numpy(), losses.to_numpy(), distance)
            elif tuple(objectives[end] for end in ends) == (self.second, self.first):
                paths[ends[::-1]] = Path(1 - losses.columns.to_numpy()[::-1], losses.to_numpy()[:, ::-1], distance)
        if not paths:
            raise NotMeasuredError(f"{experiment} has no losses between end points on {self.first} and {self.second}")
        return paths


class KeepProbsStatistic(TwoObjectivesStatistic):
    """A statistic that compares trainings on two objectives at each keep probability."""

    learning_rate: float | None = Field(None, description="Only runs with this learning rate; null means all.")

    def pairs(self, tables: Tables, experiment: str) -> list[tuple[Run, Run]]:
        """Runs on the two objectives with the same learning rate and keep probability; the risk is compared with every.

        NotMeasuredError if there is no pair.
        """
        runs = tables.experiment_runs(experiment)
        pairs = []
        for one in (run for run in runs if run.objective == self.first):
            rate = one.settings["learning_rate"]
            others = [run for run in runs if run.objective == self.second and run.settings["learning_rate"] == rate]
            same = [run for run in others if run.settings["keep_prob"] == one.settings["keep_prob"]]
            chosen = same or (others if "risk" in (self.first, self.second) else [])
            if chosen and self.learning_rate in (None, rate):
                pairs += [(one, other) for other in (chosen if self.first == "risk" else chosen[:1])]
        if not pairs:
            raise NotMeasuredError(f"{experiment} has no runs on {self.first} and {self.second} to compare")
        return pairs


def at_end(tables: Tables, runs: Sequence[Run], column: str) -> NDArray:
    """(S, len(runs)): a column of each run's history at its last step."""
    return np.stack([tables.at_end_of_training(run, column) for run in runs], axis=1)


def accuracies(tables: Tables, pairs: Sequence[tuple[Run, Run]]) -> tuple[list[NDArray], NDArray]:
    """Test accuracies at the end of training in percent: (S, 2) of each pair, and the differences (S, pairs)."""
    values = [100 * at_end(tables, pair, "test_accuracy") for pair in pairs]
    return values, np.stack([one[:, 0] - one[:, 1] for one in values], axis=1)


def pair_note(pairs: Sequence[tuple[Run, Run]], values: Sequence[NDArray], index: int, pattern: str) -> str:
    """Which pair it is, and the means over seeds of its values (S, 2)."""
    one, other = pairs[index]
    means = [pattern.format(value) for value in values[index].mean(axis=0)]
    return f"of {len(pairs)} pairs {one.name} and {other.name}: {means[0]} against {means[1]}"


def runs_by_rate_and_weight(tables: Tables, experiment: str) -> tuple[dict[float, Run], dict[float, Run]]:
    """The runs under dropout by learning rate, and those on dropout plus R_2 by gradient-penalty weight.

    NotMeasuredError if there are none of either.
    """
    runs = tables.experiment_runs(experiment)
    rates = {run.settings["learning_rate"]: run for run in runs if run.objective == "dropout"}
    weights = {
        run.settings["gradient_penalty_weight"] or run.settings["learning_rate"]: run
        for run in runs
        if run.objective == "dropout_plus_r2"
    }
    if not rates or not weights:
        raise NotMeasuredError(f"{experiment} has no runs on dropout and dropout_plus_r2 to compare")
    return dict(sorted(rates.items())), dict(sorted(weights.items()))
