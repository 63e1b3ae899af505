"""The second step of a figure: its table is drawn. Nothing here computes."""

from importlib import import_module

from dropscape.artifacts.files import read_json, read_table
from dropscape.figures import style
from dropscape.figures.page import Page
from dropscape.jobs import Job


def draw_figure(job: Job) -> None:
    """Draw what ``table_stage`` wrote as ``pdf``, ``png`` and ``svg``.

    The work is that of ``draw`` in ``dropscape.figures.<kind>.drawing``. It is given the two tables as they are read
    back, in which an empty text is NaN, and the page with the description.
    """
    page = Page(read_json(job.inputs["description"]))
    draw = import_module(f"dropscape.figures.{page.description['kind']}.drawing").draw
    with style.applied():
        draw(read_table(job.inputs["points"]), read_table(job.inputs["summary"]), page)
        style.save(page.figure, job.outputs)
