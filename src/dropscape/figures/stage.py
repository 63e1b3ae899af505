"""A figure: the table that it shows, and its drawing."""

from importlib import import_module

from dropscape.artifacts.files import read_json, read_table, write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.figures import style
from dropscape.figures.content import TableFiles, TableFunction
from dropscape.figures.page import Page
from dropscape.jobs import Job

_OF_EXPERIMENT = ("name", "model", "network", "title", "train_examples", "samples", "seeds", "notes", "deviations")


def make_figure(job: Job) -> None:
    """Write the table of a figure and draw it; the settings are those of ``dropscape.resolved.figures``."""
    make_table(job)
    draw_table(job)


def make_table(job: Job) -> None:
    """Write everything that a figure shows, as ``dropscape.figures.<kind>.table`` finds it. Nothing here draws.

    The input ``descriptions`` are the data's, one for each experiment. Writes ``points``, ``summary`` and
    ``description``.
    """
    settings = job.settings
    table: TableFunction = import_module(f"dropscape.figures.{settings['kind']}.table").table
    content = table(settings, TableFiles(settings["tables"]))
    data = [read_json(path) for path in job.inputs.get("descriptions", [])]
    experiments = [
        {key: experiment.get(key) for key in _OF_EXPERIMENT} | {"data": of["label"], "dataset": of["dataset"]}
        for experiment, of in zip(settings["experiments"], data, strict=True)
    ]
    description = {key: settings[key] for key in ("kind", "paper_reference", "scale", "deviations")}
    description["experiments"] = experiments
    # Where the tables lie decides nothing.
    decisive = {key: value for key, value in settings.items() if key != "tables"}
    record = provenance(job.rule, decisive, {"datasets": data})
    description |= content.facts | {"undefined": content.undefined, "provenance": record}
    write_table(job.outputs["points"], content.points)
    write_table(job.outputs["summary"], content.summary)
    write_json(job.outputs["description"], description)


def draw_table(job: Job) -> None:
    """Draw what ``make_table`` wrote as ``pdf``, ``png`` and ``svg``. Nothing here computes.

    The work is that of ``draw`` in ``dropscape.figures.<kind>.drawing``. It is given the two tables as they are read
    back, in which an empty text is NaN, and the page with the description.
    """
    page = Page(read_json(job.outputs["description"]))
    draw = import_module(f"dropscape.figures.{page.description['kind']}.drawing").draw
    with style.applied():
        draw(read_table(job.outputs["points"]), read_table(job.outputs["summary"]), page)
        style.save(page.figure, job.outputs)
