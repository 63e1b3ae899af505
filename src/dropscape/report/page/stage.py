"""The report: one file of HTML with every figure and every claim, which needs nothing beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dropscape.artifacts.files import atomic_write, read_table
from dropscape.jobs import Job
from dropscape.report.made_by import made_by
from dropscape.report.page.contents import ORIGINS, VERDICTS, Figure, claim_rows, figure_cards, tally_rows
from dropscape.report.page.embedding import TYPES, fitting, packed
from dropscape.report.page.interactive import library, plot
from dropscape.report.page.rendering import render
from dropscape.report.verdicts import read_claims, settings, tally

_ROOM = 13_700_000  # characters of all files and small pictures: the page has 15 MB, and its text takes about one
_LIBRARY = "bokeh.min.js"
_GIVEN = ("csv", "summary.csv", "pdf")  # what a reader may save, besides the drawing


def write_report(job: Job) -> None:
    """Write ``page`` from ``claims``, ``by_run`` and the files of ``figures``.

    The settings are ``papers`` (study, letter and title of each), ``figures`` (by name: study,
    paper_reference, caption and scatter, null for a figure that is none) and ``configuration``.
    """
    paths = [Path(path) for path in job.inputs.get("figures", [])]
    figures = [Figure.among(name, of, paths) for name, of in job.settings["figures"].items()]
    tables = {name: Path(job.inputs[name]) for name in ("claims", "by_run")}
    results = tables["claims"].parents[1]
    page = report_page(tables, figures, job.settings["papers"], job.settings["configuration"], made_by(results))
    with atomic_write(job.outputs["page"]) as temporary:
        temporary.write_text(page, encoding="utf-8")


def report_page(
    tables: Mapping[str, Path],
    figures: Sequence[Figure],
    papers: Sequence[Mapping[str, str]],
    configuration: Mapping[str, Any],
    computed_by: Mapping[str, Sequence[str]],
) -> str:
    """The page.

    Args:
        tables: where the tables ``claims`` and ``by_run`` lie.
        figures: all that are shown.
        papers: ``study``, ``letter`` and ``title`` of each.
        configuration: what was asked for, by key.
        computed_by: versions and machines, as ``made_by`` finds them.
    """
    papers = sorted(papers, key=lambda paper: paper["letter"])
    places = {paper["study"]: place for place, paper in enumerate(papers)}
    claims = read_claims(tables["claims"]).sort_values("study", key=lambda studies: studies.map(places), kind="stable")
    figures = sorted(figures, key=lambda figure: (places[figure.study], figure.place))
    letters = {paper["study"]: paper["letter"] for paper in papers}
    rows = claim_rows(claims, read_claims(tables["by_run"]), figures, letters)
    given = {f"{figure.name}.{ending}": figure.files[ending] for figure in figures for ending in _GIVEN}
    given |= {path.name: path for path in tables.values()}
    files = {name: packed(path.read_bytes()) for name, path in given.items()}
    drawings = {f"{figure.name}.svg": packed(figure.files["svg"].read_bytes()) for figure in figures}
    points = {f"{figure.name}.json": _points(figure) for figure in figures if figure.settings["scatter"]}
    plots = {name: packed(text.encode()) for name, text in points.items() if text}
    plots |= {_LIBRARY: packed(library().encode())} if plots else {}
    of_trainings = claims[claims["figure"] != ""]
    cards = figure_cards(figures, rows, papers)
    room = _ROOM - sum(len(card["thumbnail"]) for card in cards)
    return render(
        "report.html",
        title="dropscape: four papers on dropout, reproduced",
        scale=", ".join(claims["scale"].unique()),
        settings=settings(claims),
        data=list(dict.fromkeys(part for text in of_trainings["data"].unique() for part in text.split("; "))),
        tally=tally(claims),
        tally_rows=tally_rows(claims, papers),
        papers=papers,
        verdicts=list(reversed(VERDICTS)),
        origins=ORIGINS,
        claims=rows,
        figures=cards,
        configuration=configuration,
        computed_by=computed_by,
        files=fitting(drawings | plots | files, [*drawings, *plots], room),
        types=TYPES,
        library=_LIBRARY,
    )


def _points(figure: Figure) -> str:
    return plot(read_table(figure.files["csv"]), figure.settings["scatter"])
