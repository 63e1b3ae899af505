"""What every statistic of a claim is: typed arguments, and a measurement with bounds on runs and their tables.

A statistic is a module of ``dropscape.claims.statistics`` with one class. Its fields are the arguments that a claim
gives; its docstring's first line says what it measures. Nothing lists the modules: the configuration finds them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from dropscape.artifacts.tables import NotMeasuredError, TableFiles
from dropscape.claims.measured import Measured, unmeasured
from dropscape.discovery import subclasses
from dropscape.schema import Strict


@dataclass(frozen=True)
class Run:
    """One run of an experiment.

    The settings are keep_prob (the smallest, if there are several), optimizer, learning_rate, objective,
    gradient_penalty_weight, train_examples and trajectory_steps, the steps after the training that recorded a
    trajectory.
    """

    experiment: str
    name: str
    main: bool  # whether it has the experiment's dropout layer and mask mode, not other ones
    plain: bool = False  # whether it trains without dropout
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def optimizer(self) -> str:
        """What takes its steps."""
        return self.settings.get("optimizer", "gd")

    @property
    def objective(self) -> str:
        """What the run descends; dropout that keeps everything is the risk."""
        plain = self.settings["objective"] == "dropout" and self.settings["keep_prob"] == 1
        return "risk" if plain else self.settings["objective"]


class Tables(TableFiles):
    """The runs that claims are about, in the order of the configuration, and the tables of them all."""

    def __init__(self, runs: Sequence[Run], files: Mapping[str, Mapping]):
        super().__init__(files)
        self.runs = runs

    def run_table(self, run: Run, table: str) -> pd.DataFrame:
        """The table of a run; NotMeasuredError if the configuration leaves that measurement out."""
        return super().run_table(run.experiment, run.name, table)

    def experiment_runs(self, experiment: str) -> list[Run]:
        """The runs of one experiment."""
        return [run for run in self.runs if run.experiment == experiment]

    def named_run(self, experiment: str, name: str) -> Run:
        """The run of that name; NotMeasuredError if the experiment has none at this scale."""
        for run in self.experiment_runs(experiment):
            if run.name == name:
                return run
        raise NotMeasuredError(f"{experiment} has no run '{name}' at this scale")

    def without_dropout(self, run: Run) -> Run:
        """The experiment's run without dropout that is trained as this one; NotMeasuredError: there is none but itself.

        It has the same optimizer and, where several have it, the same learning rate.
        """
        plain = [
            other for other in self.experiment_runs(run.experiment) if other.plain and other.optimizer == run.optimizer
        ]
        rate = run.settings.get("learning_rate")
        same_rate = [other for other in plain if other.settings.get("learning_rate") == rate]
        if run in plain:
            raise NotMeasuredError(f"{run.name} is what trainings with dropout are compared with")
        if not plain:
            raise NotMeasuredError(f"{run.experiment} has no training without dropout to compare {run.name} with")
        return (same_rate or plain)[0]

    def training_points(self, run: Run) -> pd.DataFrame:
        """The input x and the target of each training example of a run with one number as input and output."""
        predictions = self.run_table(run, "predictions")
        return predictions[(predictions["seed"] == predictions["seed"].min()) & (predictions["split"] == "train")]

    def at_end_of_training(self, run: Run, column: str) -> NDArray:
        """A column of the run's history by seed, before the further steps that record a trajectory."""
        history = self.run_table(run, "history")
        end = history["step"].max() - run.settings.get("trajectory_steps", 0)
        return history[history["step"] == end].sort_values("seed")[column].to_numpy(dtype=float)


class Statistic(Strict):
    """What a claim measures; ``name`` is that of its module."""

    name: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        package, _, module = cls.__module__.rpartition(".")
        if package.endswith(".statistics"):  # its name is that of its module; pydantic looks at the fields after this
            cls.__annotations__["name"] = Literal[module]

    def by_run(
        self, tables: Tables, experiment: str | None, run: str | None = None
    ) -> list[tuple[str, bool, Measured]]:
        """What is measured on each run (or the one named), by its name and whether it is a main one; once: no name."""
        return [("", True, self._measured(tables, experiment))]

    def _measured(self, *arguments: Any) -> Measured:
        try:
            return self.measure(*arguments)
        except NotMeasuredError as reason:
            return unmeasured(f"not measured: {reason}")


class RunStatistic(Statistic):
    """A statistic of one run; a claim is measured on every run of its experiment."""

    def by_run(self, tables: Tables, experiment: str, run: str | None = None) -> list[tuple[str, bool, Measured]]:
        """Measure it on every run, or on the one named."""
        runs = tables.experiment_runs(experiment)
        chosen = [one for one in runs if run in (None, one.name)]
        if run and not chosen:
            return [(run, True, unmeasured(f"not measured: {experiment} has no run '{run}' at this scale"))]
        return [(one.name, one.main, self._measured(tables, one)) for one in chosen]

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it. NotMeasuredError: the run lacks a table that it needs."""
        raise NotImplementedError


class ExperimentStatistic(Statistic):
    """A statistic that compares an experiment's trainings with each other and is measured once."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it. NotMeasuredError: a run or table that it needs is absent."""
        raise NotImplementedError


class TheoryStatistic(Statistic):
    """A statistic of a table of the study's theory; its claim has no figure."""

    table: str = Field(description="The table; the module of that name in `dropscape.theory.tables`.")
    column: str = Field(description="A column of it; the module describes them.")
    where: Mapping[str, str] = Field(description="Value of each column that chooses the rows.")

    def by_run(self, tables: Tables, experiment: None, run: None = None) -> list[tuple[str, bool, Measured]]:
        """Measure it once, without an experiment."""
        return [("", True, self.measure(tables))]

    def measure(self, tables: Tables) -> Measured:
        """Measure it."""
        raise NotImplementedError

    def rows(self, tables: Tables) -> pd.DataFrame:
        """The rows that the claim is about."""
        rows = tables.theory_table(self.table)
        for column, value in self.where.items():
            rows = rows[rows[column] == value]
        return rows


def statistic_named(settings: Mapping[str, Any]) -> Statistic:
    """The statistic with the arguments that a claim gives, from ``name`` and these; only its module is imported."""
    module = import_module(f"dropscape.claims.statistics.{settings['name']}")
    (kind,) = subclasses({settings["name"]: module}, Statistic)
    return kind.model_validate(dict(settings))
