"""``dropscape export``: figures with what they are drawn from and what is claimed of them; trainings for MLflow."""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from dropscape.archive.mlflow_runs import Training, write_mlflow
from dropscape.commands.options import run_options, targets
from dropscape.commands.run import Run
from dropscape.config.load import read_studies
from dropscape.config.selection import named_figure
from dropscape.dependencies import sha256
from dropscape.errors import ArtifactError
from dropscape.report.verdicts import read_claims
from dropscape.resolved.experiment import TrainedExperiment, shown_runs
from dropscape.resolved.workflow import Workflow

ENDINGS = ("pdf", "png", "svg", "csv", "summary.csv", "json")


@click.command("export")
@targets
@click.option("--out", required=True, type=click.Path(path_type=Path, resolve_path=True), metavar="FOLDER|FILE.zip")
@click.option("--to", type=click.Choice(["files", "mlflow"]), default="files", help="files, if it is left out.")
@run_options()
def command(run: Run, targets: tuple[str, ...], out: Path, to: str) -> int:
    """Copy figures with their tables and claims into a folder or a zip file; without a TARGET all of them.

    A TARGET is a figure or a study whose figures are made. What is written: figures/ (pdf, png, svg, the table that
    is drawn as csv, its description as json), tables/ (what they are computed from), claims.csv, columns.yaml (what
    every column means) and SHA256SUMS.

    With --to mlflow it writes the trainings that the figures show into a folder that MLflow reads: a run for each seed,
    with its settings, its losses and accuracies along training, and where its files are.
    """
    if out.exists():
        raise ArtifactError(f"{out} is there already: write another --out, or delete it.")
    workflow = run.workflow()
    figures = chosen_figures(workflow, targets, run.root)
    if to == "mlflow":
        trainings, missing = shown_trainings(workflow, figures)
        count = write_mlflow(trainings, out)
        left_out = f"; {missing} more are not trained yet" if missing else ""
        print(f"{out}: {count} runs of {len(trainings)} trainings{left_out}.")
        return 0
    check_made(workflow, figures)
    with tempfile.TemporaryDirectory(dir=out.parent if out.parent.is_dir() else None) as folder:
        made = Path(folder, "export")
        write_export(workflow, figures, made, run.root)
        count = sum(path.is_file() for path in made.rglob("*"))
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix == ".zip":
            shutil.make_archive(str(out.with_suffix("")), "zip", made)
        else:
            shutil.move(made, out)
    print(f"{out}: {len(figures)} figure{'s' if len(figures) > 1 else ''}, {count} files.")
    return 0


def chosen_figures(workflow: Workflow, names: Sequence[str], root: Path) -> list[str]:
    """The figures that the names of figures and studies mean, in the workflow's order; all without a name.

    A ConfigurationError says that a name is neither.
    """
    studies = {study: {"figures": content.figures} for study, content in workflow.studies.items()}
    wanted = set() if names else set(workflow.figures)
    for name in names:
        if name in workflow.studies:
            wanted |= {figure for figure, study in workflow.study_of_figure.items() if study == name}
        else:
            wanted.add("-".join(named_figure(name, studies, read_studies(root))))
    return [figure for figure in workflow.figures if figure in wanted]


def check_made(workflow: Workflow, figures: Iterable[str]) -> None:
    """Raise an ArtifactError for a figure that is not made yet."""
    for figure in figures:
        needed = [*(workflow.paths.figure(figure, ending) for ending in ENDINGS), *workflow.figure_tables(figure)]
        if missing := [path for path in needed if not Path(path).is_file()]:
            raise ArtifactError(
                f"{figure} is not made yet ({missing[0]} is missing): run dropscape reproduce {figure}."
            )


def shown_trainings(workflow: Workflow, figures: Sequence[str]) -> tuple[list[Training], int]:
    """The trainings that the figures show, each once, and how many more of them are not made yet.

    An ArtifactError says that none is.
    """
    shown = {
        (one.name, run.name): workflow.study_of_figure[figure]
        for figure in figures
        for one in (workflow.experiments[name] for name in workflow.figures[figure].experiments)
        if isinstance(one, TrainedExperiment)
        for run in shown_runs(workflow.figures[figure], one)
    }
    trainings = [
        Training(study, *names, workflow.user.scale, Path(workflow.paths.run(*names, "training", "history")).parent)
        for names, study in shown.items()
    ]
    made = [one for one in trainings if (one.folder / "history.csv").is_file()]
    if not made:
        why = f"none of their {len(trainings)} trainings is made yet" if trainings else "they show no training"
        raise ArtifactError(
            f"{', '.join(figures[:3])}{', ...' * (len(figures) > 3)}: {why}, so there is none to export."
        )
    return made, len(trainings) - len(made)


def write_export(workflow: Workflow, figures: Iterable[str], folder: Path, root: Path) -> None:
    """Write what ``dropscape export`` says into a new folder; claims only where they are judged."""
    results = Path(workflow.paths.results)
    for figure in figures:
        for ending in ENDINGS:
            _copy(Path(workflow.paths.figure(figure, ending)), folder / "figures")
        for path in map(Path, workflow.figure_tables(figure)):
            _copy(path, (folder / "tables" / path.relative_to(results)).parent)
    table = results / "claims/claims.csv"
    if table.is_file():
        claims = read_claims(table)
        claims[claims["figure"].isin(list(figures))].to_csv(folder / "claims.csv", index=False)
    _copy(root / "docs/columns.yaml", folder)
    sums = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    lines = [f"{sha256(path)}  {name.as_posix()}\n" for name, path in sums.items()]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / path.name)
