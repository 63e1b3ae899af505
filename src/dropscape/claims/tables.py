"""What the statistics of a study's claims are measured on: its runs and their tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from dropscape.artifacts.tables import NotMeasuredError, TableFiles


@dataclass(frozen=True)
class Run:
    """One run of an experiment.

    Attributes:
        main: whether it has the experiment's dropout layer and mask mode, not other ones.
        plain: whether it trains without dropout.
        settings: keep_prob (the smallest, if there are several), learning_rate, objective, gradient_penalty_weight and
            train_examples.
    """

    experiment: str
    name: str
    main: bool
    plain: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def objective(self) -> str:
        """What the run descends; dropout that keeps everything is the risk."""
        plain = self.settings["objective"] == "dropout" and self.settings["keep_prob"] == 1
        return "risk" if plain else self.settings["objective"]


@dataclass(frozen=True)
class Tables:
    """The runs that claims are about, in the order of the configuration, and the tables of them all."""

    runs: Sequence[Run]
    files: TableFiles

    def run_table(self, run: Run, table: str) -> pd.DataFrame:
        """The table of a run; NotMeasuredError if the configuration leaves that measurement out."""
        return self.files.run_table(run.experiment, run.name, table)

    def experiment_table(self, experiment: str, table: str) -> pd.DataFrame:
        """The table that an experiment has once; NotMeasuredError if the configuration leaves it out."""
        return self.files.experiment_table(experiment, table)

    def theory_table(self, table: str) -> pd.DataFrame:
        """A table of the study's theory."""
        return self.files.theory_table(table)

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
        """The run of the same experiment that trains without dropout; NotMeasuredError if there is no other."""
        plain = [other for other in self.experiment_runs(run.experiment) if other.plain]
        if run.plain or not plain:
            raise NotMeasuredError(f"{run.experiment} has no training without dropout to compare {run.name} with")
        return plain[0]

    def at_last_step(self, run: Run, column: str) -> NDArray:
        """A column of the run's history at the last step, by seed."""
        history = self.run_table(run, "history")
        return history[history["step"] == history["step"].max()].sort_values("seed")[column].to_numpy(dtype=float)
