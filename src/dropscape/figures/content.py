"""What the table of every kind of figure is made of: rows, reasons why points cannot be drawn, and their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

Settings = Mapping[str, Any]  # of a figure or of an experiment, as ``resolved.figures`` makes them


@dataclass(frozen=True)
class FigureContent:
    """Everything that a figure shows.

    Attributes:
        points: tidy, one row per point, with the run's settings and ``reason``, why the point cannot be drawn ("" if
            it can).
        summary: what is drawn over the points or instead of them: fitted lines, or means and ranges over seeds.
        undefined: one entry per group of points that the footer names: ``of`` (the name), ``points`` (how many there
            are) and ``reasons`` (how many cannot be drawn, by reason).
        facts: JSON-able values that the figure's text needs.
    """

    points: pd.DataFrame
    summary: pd.DataFrame
    undefined: list[dict[str, Any]]
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def counted(cls, points: pd.DataFrame, summary: pd.DataFrame, of: str, **facts: Any) -> "FigureContent":
        """The content of a figure whose footer counts all points together, as ``of``."""
        return cls(points, summary, [count_undefined(of, points["reason"])], facts)


def rows_where(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The rows whose columns have these values."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def first_reason(index: pd.Index, tests: Sequence[tuple[pd.Series, str]]) -> pd.Series:
    """The text of the first test, a boolean series and a text, that is true of a row; "" where none is."""
    reason = pd.Series("", index=index, dtype=object)
    for fails, text in tests:
        reason = reason.mask(fails & (reason == ""), text)
    return reason


def count_undefined(of: str, reasons: pd.Series) -> dict[str, Any]:
    """An entry of ``FigureContent.undefined``, the most frequent reason first."""
    counts = reasons[reasons != ""].value_counts()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {"of": of, "points": len(reasons), "reasons": {str(text): int(number) for text, number in ordered}}
