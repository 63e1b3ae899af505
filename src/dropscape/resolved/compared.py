"""What differs from the papers' own settings in a figure and in a claim, as ``deviations`` says it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dropscape.config.experiment import MEASUREMENTS
from dropscape.resolved.deviations import deviations, differences
from dropscape.resolved.experiment import TrainedExperiment, shown_runs
from dropscape.resolved.phrases import in_words

if TYPE_CHECKING:
    from dropscape.resolved.workflow import Workflow

_NAMES = ("kind", "experiment", "runs", "paper_reference")  # of a figure: what they name is compared
_JUDGED_BY = ("statistic", "expected", "min_points")  # of a claim


def figure_deviations(workflow: "Workflow", name: str) -> tuple[dict[str, list[str]], list[str]]:
    """What differs in each experiment that a figure draws, as far as it draws it; and in the figure itself."""
    settings, study, figure = workflow.settings, workflow.study_of_figure[name], workflow.figures[name]
    paper = _written(workflow, study, "figures").get(name.removeprefix(f"{study}-"))
    experiments = {}
    for experiment in figure.experiments:
        theirs, ours = settings.papers_experiments.get(experiment), settings.experiments[experiment]
        if isinstance(workflow.experiments[experiment], TrainedExperiment):
            theirs, ours = _drawn(paper or figure, experiment, theirs), _drawn(figure, experiment, ours)
        experiments[experiment] = list(deviations(theirs, ours))
    own = _of_figure(paper, figure) if paper else []
    return experiments, own + (_of_theory(workflow, study, figure.theory_table) if figure.theory_table else [])


def claim_deviations(workflow: "Workflow", study: str, name: str, experiments: Sequence[str]) -> list[str]:
    """What differs in what a claim is judged on, and by.

    ``experiments`` are those that it is about and compares with, its own first; with none it is about a table of
    theory.
    """
    settings, claim = workflow.settings, workflow.studies[study].claims[name]
    found = [] if experiments else _of_theory(workflow, study, claim.statistic.table)
    for index, experiment in enumerate(experiments):
        phrases = deviations(settings.papers_experiments.get(experiment), settings.experiments[experiment])
        found += [f"{in_words(experiment)}: {phrase}" if index else phrase for phrase in phrases]
    written = _written(workflow, study, "claims").get(name)
    return found + (differences(written, claim, _JUDGED_BY) if written else [])


def _written(workflow: "Workflow", study: str, section: str) -> Mapping[str, Any]:
    """The entries of a section as the study's file has them, by name; none where the file is not whole."""
    return getattr(workflow.settings.papers_studies.get(study), section, {})


def _of_theory(workflow: "Workflow", study: str, table: str) -> list[str]:
    """What differs in a table of a study's theory."""
    written = workflow.settings.papers_studies.get(study)
    return list(deviations(written and getattr(written.theory, table), getattr(workflow.studies[study].theory, table)))


def _of_figure(paper: Any, figure: Any) -> list[str]:
    """What differs in what a figure draws of its experiments."""
    ours, theirs = figure.experiments, paper.experiments
    found = []
    if not set(ours) <= set(theirs):
        found.append(f"{_listed(ours)} for {_listed(theirs)}")
    elif len(ours) < len(theirs):
        found.append(f"{len(ours)} of {len(theirs)} experiments")
    if figure.kind != paper.kind:
        return [*found, f"{in_words(figure.kind)} for {in_words(paper.kind)}"]
    return found + differences(paper, figure, [key for key in type(figure).model_fields if key not in _NAMES])


def _listed(names: Sequence[str]) -> str:
    return " / ".join(map(in_words, names))


def _drawn(figure: Any, name: str, settings: Any) -> Any:
    """An experiment's settings with only what the figure draws: its runs, where they start, and its measurements."""
    if settings is None:
        return None
    experiment = TrainedExperiment(name, settings, "cpu")
    names = _with_starts([run.name for run in shown_runs(figure, experiment)], settings.runs)
    wanted = {*figure.run_tables, *figure.optional_run_tables, *figure.experiment_tables}
    used = _measured(experiment, wanted) | set(figure.needs)
    if sample := getattr(figure, "sample", None):  # tables hold both samples, of which the figure draws one
        used = used | {"gradients"} if sample == "gradients" else used - {"gradients"}
    runs = {run: settings.runs[run] for run in names}
    return settings.model_copy(update={"runs": runs} | dict.fromkeys(set(MEASUREMENTS) - used))


def _with_starts(names: Sequence[str], runs: Mapping[str, Any]) -> Iterator[str]:
    """The runs and those at whose end points they start."""
    for name in names:
        yield name
        if runs[name].start is not None:
            yield from _with_starts([runs[name].start], runs)


def _measured(experiment: TrainedExperiment, tables: Collection[str]) -> set[str]:
    """The measurements of an experiment that write one of the tables."""
    found = set()
    for section, measurement in experiment.settings.measurements.items():
        tasks = [task for run in experiment.runs.values() for task in measurement.tasks(run)]
        tasks += measurement.experiment_tasks(experiment)
        if any(set(task.tables) & set(tables) for task in tasks):
            found.add(section)
    return found
