"""One experiment with everything resolved: its runs, its jobs and its tables."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dropscape.config.experiment import ExperimentSettings
from dropscape.measurement import StageExperiment, Task
from dropscape.resolved.run import ResolvedRun, resolved_run


@dataclass(frozen=True)
class TrainedExperiment:
    """An experiment whose runs are trained.

    Attributes:
        name: its own.
        settings: as they were validated.
        device: what the user's configuration says.
    """

    name: str
    settings: ExperimentSettings
    device: str

    @cached_property
    def runs(self) -> dict[str, ResolvedRun]:
        """Its runs by name, in the order of the configuration."""
        return {name: resolved_run(self.name, self.settings, name, self.device) for name in self.settings.runs}

    @cached_property
    def tasks(self) -> list[Task]:
        """Its jobs that are of no single run."""
        return [task for one in self.settings.measurements.values() for task in one.experiment_tasks(self)]

    @cached_property
    def tables(self) -> dict[str, str]:
        """The folder below the results of each table that it has once, by the table's name."""
        return _tables(self.tasks)

    def is_main(self, run: ResolvedRun) -> bool:
        """Whether claims about the experiment are judged on the run.

        Where trainings with and without dropout are compared, it is one with dropout.
        """
        return run.is_main and (run.has_noise or not any(other.has_noise for other in self.runs.values()))

    def described(self, runs: list[ResolvedRun]) -> dict[str, Any]:
        """What a figure's text says of it and of the runs that are drawn."""
        counts = {run.train_examples for run in runs}
        return {
            "model": self.settings.model.name,
            "network": self.settings.model.title,
            "train_examples": min(counts) if len(counts) == 1 else [min(counts), max(counts)],
        }


@dataclass(frozen=True)
class ResolvedStageExperiment:
    """An experiment whose jobs are its own.

    Attributes:
        name: its own.
        settings: as they were validated.
        section: the section of its study, which is the folder of its results.
        device: what the user's configuration says.
    """

    name: str
    settings: StageExperiment
    section: str
    device: str

    @cached_property
    def tasks(self) -> list[Task]:
        """Its jobs."""
        return list(self.settings.tasks(self.device))

    @cached_property
    def tables(self) -> dict[str, str]:
        """The folder below the results of each of its tables, by the table's name."""
        return _tables(self.tasks)


def _tables(tasks: list[Task]) -> dict[str, str]:
    return {table: folder for task in tasks for table, folder in task.tables.items()}
