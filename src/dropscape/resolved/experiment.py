"""One experiment with everything resolved: its runs, its jobs and its tables."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dropscape.config.experiment import ExperimentSettings
from dropscape.measurement import StageExperiment, Task
from dropscape.resolved.paths import ResultPaths
from dropscape.resolved.run import ResolvedRun, resolved_run

if TYPE_CHECKING:
    from dropscape.figures.settings import FigureSettings


class _Experiment:
    tasks: list[Task]

    @cached_property
    def tables(self) -> dict[str, str]:
        """The folder below the results of each table that it has once, by the table's name."""
        return {table: folder for task in self.tasks for table, folder in task.tables.items()}


@dataclass(frozen=True)
class TrainedExperiment(_Experiment):
    """An experiment whose runs are trained."""

    name: str
    settings: ExperimentSettings  # as they were validated
    device: str  # what the user's configuration says

    @cached_property
    def runs(self) -> dict[str, ResolvedRun]:
        """Its runs by name, in the order of the configuration."""
        return {name: resolved_run(self.name, self.settings, name, self.device) for name in self.settings.runs}

    @cached_property
    def tasks(self) -> list[Task]:
        """Its jobs that are of no single run."""
        return [task for one in self.settings.measurements.values() for task in one.experiment_tasks(self)]

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
            "notes": [*self.settings.model.notes, *_masks_of_r2(runs)],
            "train_examples": min(counts) if len(counts) == 1 else [min(counts), max(counts)],
        }


def _masks_of_r2(runs: Iterable[ResolvedRun]) -> list[str]:
    """Which masks R_2 of paper B has where runs descend it: the noise's trace, a part of it, depends on them."""
    modes = {run.settings["mask_mode"] for run in runs if run.objective.endswith("r2")}
    words = {"per_example": "a mask for each example", "shared": "one mask for all examples"}
    return [f"R\N{SUBSCRIPT TWO} under {words[mode]}" for mode in sorted(modes)]


@dataclass(frozen=True)
class ResolvedStageExperiment(_Experiment):
    """An experiment whose jobs are its own."""

    name: str
    settings: StageExperiment  # as they were validated
    section: str  # of its study, which is the folder of its results
    device: str  # what the user's configuration says

    @cached_property
    def tasks(self) -> list[Task]:
        """Its jobs."""
        return list(self.settings.tasks(self.device))


def shown_runs(figure: "FigureSettings", experiment: TrainedExperiment) -> list[ResolvedRun]:
    """The experiment's runs that the figure shows, sorted by name: those that it names, or all that have its tables."""
    chosen = sorted(figure.runs or experiment.runs)
    runs = [experiment.runs[name] for name in chosen if name in experiment.runs]
    return [run for run in runs if set(figure.run_tables) <= set(run.tables)]


def table_files(
    paths: ResultPaths,
    shown: Iterable[tuple[TrainedExperiment | ResolvedStageExperiment, Iterable[ResolvedRun]]],
    theory: Mapping[str, str],
    wanted: Collection[str] | None = None,
) -> dict[str, Any]:
    """The paths of experiments' and their runs' tables, of all or the wanted ones, as ``TableFiles`` takes them.

    ``theory`` are the paths of the tables of theory.
    """

    def named(folders: Mapping[str, str], *where: str) -> dict[str, str]:
        path = paths.run if len(where) > 1 else paths.experiment
        tables = [table for table in folders if wanted is None or table in wanted]
        return {table: path(*where, folders[table], table) for table in tables}

    files: dict[str, Any] = {"runs": {}, "experiments": {}, "theory": dict(theory)}
    for one, runs in shown:
        files["experiments"][one.name] = named(one.tables, one.name)
        if isinstance(one, TrainedExperiment):
            files["runs"][one.name] = {run.name: named(run.tables, one.name, run.name) for run in runs}
    return files
