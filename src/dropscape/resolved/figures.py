"""What a figure's table is made from: the tables of its experiments and what the figure says of them."""

from typing import TYPE_CHECKING, Any

from dropscape.resolved.experiment import ResolvedStageExperiment, TrainedExperiment
from dropscape.resolved.run import ResolvedRun

if TYPE_CHECKING:
    from dropscape.figures.settings import FigureSettings
    from dropscape.resolved.workflow import Workflow


def shown_runs(figure: "FigureSettings", experiment: TrainedExperiment) -> list[ResolvedRun]:
    """The experiment's runs that the figure shows, sorted by name: those that it names, or all that have its tables."""
    chosen = sorted(figure.runs or experiment.runs)
    runs = [experiment.runs[name] for name in chosen if name in experiment.runs]
    return [run for run in runs if set(figure.run_tables) <= set(run.tables)]


def figure_table_files(workflow: "Workflow", name: str) -> dict[str, Any]:
    """Paths of the tables that a figure draws, as ``TableFiles`` takes them."""
    figure, paths = workflow.figures[name], workflow.paths
    wanted = (*figure.run_tables, *figure.optional_run_tables)
    files: dict[str, Any] = {"runs": {}, "experiments": {}, "theory": {}}
    for experiment in map(workflow.experiments.__getitem__, figure.experiments):
        if isinstance(experiment, TrainedExperiment):
            files["runs"][experiment.name] = {
                run.name: {
                    table: paths.run(experiment.name, run.name, run.tables[table], table)
                    for table in wanted
                    if table in run.tables
                }
                for run in shown_runs(figure, experiment)
            }
        files["experiments"][experiment.name] = {
            table: paths.experiment(experiment.name, experiment.tables[table], table)
            for table in figure.experiment_tables
        }
    if figure.theory_table:
        study = workflow.study_of_figure[name]
        files["theory"][figure.theory_table] = paths.theory(study, figure.theory_table)
    return files


def figure_settings(workflow: "Workflow", name: str) -> dict[str, Any]:
    """What the figure shows and says; nothing of how its numbers were measured."""
    figure = workflow.figures[name]
    return figure.options | {
        "kind": figure.kind,
        "paper_reference": figure.paper_reference,
        "scale": workflow.user.scale,
        "tables": figure_table_files(workflow, name),
        "experiments": [
            {"title": workflow.user.title_of(one.settings.dataset) if one.settings.dataset else None}
            | _described(figure, one)
            for one in map(workflow.experiments.__getitem__, figure.experiments)
        ],
    }


def _described(figure: "FigureSettings", experiment: TrainedExperiment | ResolvedStageExperiment) -> dict[str, Any]:
    """One experiment's part of the settings."""
    shared = {"name": experiment.name, "seeds": experiment.settings.seeds}
    if isinstance(experiment, ResolvedStageExperiment):
        settings = experiment.settings
        runs = [run for run in sorted(figure.runs or settings.runs) if run in settings.runs]
        points = {
            run: {key: getattr(settings.runs[run], key) for key in ("keep_prob", "learning_rate")} for run in runs
        }
        return shared | settings.described | {"samples": None, "runs": points}
    runs = shown_runs(figure, experiment)
    return (
        shared
        | experiment.described(runs)
        | {"runs": {run.name: figure.run_details(run) for run in runs}}
        | figure.experiment_details(experiment)
    )
