"""What the report shows, as plain values: a card for each figure, a row for each claim, the tally of verdicts."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_json
from dropscape.figures.names import experiment_titles
from dropscape.report.page.embedding import thumbnail
from dropscape.report.verdicts import control, judgement, measured, source

VERDICTS = ("fails", "not judged", "holds")  # what a reader looks at first, first
ORIGINS = {"paper": "the paper's words", "reading": "our reading", "extension": "our extension", "identity": "identity"}
_DRAWN_TITLE = re.compile(r"<dc:title>(.*?)</dc:title>", re.DOTALL)


@dataclass(frozen=True)
class Figure:
    """A figure of the results: its name, what the workflow says of it, and where its files lie, by their endings.

    ``settings`` are its study, its paper_reference, its caption and its scatter (null: it is none).
    """

    name: str
    settings: Mapping[str, Any]
    files: Mapping[str, Path]

    @classmethod
    def among(cls, name: str, settings: Mapping[str, Any], paths: Sequence[Path]) -> "Figure":
        """The figure whose files are those of the paths that are its name and an ending."""
        found = {path.name.removeprefix(f"{name}."): path for path in paths if path.name.startswith(f"{name}.")}
        return cls(name, settings, found)

    @property
    def study(self) -> str:
        """The study that it is of."""
        return self.settings["study"]

    @property
    def reference(self) -> str:
        """What people call it, such as ``Paper A, Fig. 2(d)``."""
        return self.settings["paper_reference"]

    @property
    def place(self) -> tuple[bool, list[str | int]]:
        """Where it stands among those of its paper: by its number, what goes beyond the paper last."""
        parts = re.split(r"(\d+)", self.reference)
        return not self.reference.startswith("Paper"), [int(part) if part.isdecimal() else part for part in parts]

    @property
    def number(self) -> str:
        """What its paper calls it, such as ``Fig. 2(d)``."""
        return self.reference.partition(", ")[2] or self.reference

    @cached_property
    def title(self) -> str:
        """The title that is drawn, less its reference and its signs of mathematics."""
        found = _DRAWN_TITLE.search(self.files["svg"].read_text(encoding="utf-8"))
        text = html.unescape(found[1]) if found else ""
        text = re.sub(r"\\mathrm\{(\w+)\}|[$\\{}]", r"\1", text.removeprefix(f"{self.reference}: ")).strip()
        return f"{text[:1].upper()}{text[1:]}"

    @cached_property
    def description(self) -> dict[str, Any]:
        """What its table says of its experiments."""
        return read_json(self.files["json"])

    @property
    def caption(self) -> str:
        """What is to be seen, in sentences."""
        return self.settings["caption"].replace(f" ({self.reference})", "")

    @property
    def trained(self) -> list[str]:
        """Such as ``ResNet-20 on CIFAR-10`` for each experiment."""
        titles = experiment_titles(self.description["experiments"]).values()
        return [f"{title[:1].upper()}{title[1:]}" for title in dict.fromkeys(titles)]

    @property
    def deviations(self) -> list[str]:
        """What differs from the paper: in the figure's own settings and in those of its experiments, each once."""
        of_experiments = [said for each in self.description["experiments"] for said in each["deviations"]]
        return list(dict.fromkeys([*self.description["deviations"], *of_experiments]))


def claim_rows(
    claims: pd.DataFrame, by_run: pd.DataFrame, figures: Sequence[Figure], letters: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Each claim with what the page says of it, and its runs.

    Both tables are as ``read_claims`` gives them; ``letters`` are the papers' by study. A claim about a figure that is
    not among ``figures`` has no number.
    """
    numbers = {figure.name: figure.number for figure in figures}
    runs = {name: list(map(_said, rows.to_dict("records"))) for name, rows in by_run.groupby("claim")}
    rows = []
    for claim in claims.to_dict("records"):
        said = {"source": source(claim), "beside": control(claim), "letter": letters[claim["study"]]}
        said |= {"number": numbers.get(claim["figure"]), "runs": runs.get(claim["claim"], [])}
        rows.append(_said(claim) | said | {"rank": VERDICTS.index(claim["verdict"])})
    return rows


def _said(judged: Mapping[str, Any]) -> dict[str, Any]:
    """A row of either table with its number, its interval and its judgement as text."""
    value, _, interval = measured(judged).partition(" ")
    return dict(judged) | {"value": value, "interval": interval, "judgement": judgement(judged)}


def figure_cards(
    figures: Sequence[Figure], rows: Sequence[Mapping[str, Any]], papers: Sequence[Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Each figure with its small picture and its rows of ``claim_rows``."""
    letters = {paper["study"]: paper["letter"] for paper in papers}
    cards = []
    for figure in figures:
        own = [row for row in rows if row["figure"] == figure.name]
        ranks = [row["rank"] for row in own]
        cards.append(
            {
                "name": figure.name,
                "study": figure.study,
                "letter": letters[figure.study],
                "reference": figure.reference,
                "title": figure.title,
                "caption": figure.caption,
                "trained": figure.trained,
                "deviations": figure.deviations,
                "claims": own,
                "rank": min(ranks, default=len(VERDICTS)),
                "thumbnail": thumbnail(figure.files["png"]),
                "alternative": f"{figure.reference}: {figure.title}. {figure.caption}",
            }
        )
    return cards


def tally_rows(claims: pd.DataFrame, papers: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """How many claims of each paper have each verdict, its own sentences apart from ours, and those of all papers."""
    rows = [
        dict(paper) | _counts(claims[claims["study"] == paper["study"]])
        for paper in papers
        if paper["study"] in set(claims["study"])
    ]
    return [*rows, {"study": "", "letter": "", "title": "All papers"} | _counts(claims)]


def _counts(claims: pd.DataFrame) -> dict[str, dict[str, int]]:
    theirs = claims["origin"] == "paper"
    return {
        whose: {verdict: int((claims["verdict"][of] == verdict).sum()) for verdict in reversed(VERDICTS)}
        for whose, of in (("theirs", theirs), ("ours", ~theirs))
    }
