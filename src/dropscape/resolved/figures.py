"""What a figure's table is made from: the tables of its experiments and what the figure says of them."""

from typing import TYPE_CHECKING, Any

from dropscape.resolved.compared import figure_deviations
from dropscape.resolved.experiment import ResolvedStageExperiment, TrainedExperiment, shown_runs, table_files

if TYPE_CHECKING:
    from dropscape.figures.settings import FigureSettings
    from dropscape.resolved.workflow import Workflow


def figure_table_files(workflow: "Workflow", name: str) -> dict[str, Any]:
    """Paths of the tables that a figure draws, as ``TableFiles`` takes them."""
    figure, paths = workflow.figures[name], workflow.paths
    experiments = [workflow.experiments[experiment] for experiment in figure.experiments]
    shown = [(one, shown_runs(figure, one) if isinstance(one, TrainedExperiment) else ()) for one in experiments]
    tables = [figure.theory_table] if figure.theory_table else []
    theory = {table: paths.theory(workflow.study_of_figure[name], table) for table in tables}
    wanted = {*figure.run_tables, *figure.optional_run_tables, *figure.experiment_tables}
    return table_files(paths, shown, theory, wanted)


def figure_settings(workflow: "Workflow", name: str) -> dict[str, Any]:
    """What the figure shows and says; of how its numbers were measured only what differs from the paper."""
    figure = workflow.figures[name]
    of_experiments, own = figure_deviations(workflow, name)
    return figure.options | {
        "kind": figure.kind,
        "caption": figure.caption.format(reference=figure.paper_reference),
        "paper_reference": figure.paper_reference,
        "scale": workflow.user.scale,
        "deviations": own,
        "tables": figure_table_files(workflow, name),
        "experiments": [
            {
                "title": workflow.user.title_of(one.settings.dataset) if one.settings.dataset else None,
                "deviations": of_experiments[one.name],
            }
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
    details = {"runs": {run.name: figure.run_details(run) for run in runs}} | figure.experiment_details(experiment)
    return shared | experiment.described(runs) | details
