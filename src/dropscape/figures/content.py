"""What the table of every kind of figure is made of: rows, reasons why points cannot be drawn, and their number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dropscape.artifacts.tables import TableFiles

Settings = Mapping[str, Any]  # of a figure or of an experiment, as ``resolved.figures`` makes them


@dataclass(frozen=True)
class FigureContent:
    """Everything that a figure shows."""

    # Tidy, one row per point, with the run's settings and ``reason``, why the point cannot be drawn ("" if it can).
    points: pd.DataFrame
    summary: pd.DataFrame  # drawn over the points or instead of them: fitted lines, or means and ranges over seeds
    # One entry per group of points that the footer names: ``of`` (the name), ``points`` (how many there are) and
    # ``reasons`` (how many cannot be drawn, by reason).
    undefined: list[dict[str, Any]]
    facts: dict[str, Any] = field(default_factory=dict)  # JSON-able values that the figure's text needs

    @classmethod
    def counted(
        cls, points: pd.DataFrame, summary: pd.DataFrame, of: str | Mapping[str, str], by: str = "", **facts: Any
    ) -> "FigureContent":
        """The content of a figure whose footer counts all points as ``of``, or those of each value of ``by`` as its."""
        reasons = points["reason"]
        groups = [(of, reasons)] if isinstance(of, str) else reasons.groupby(points[by].map(of), sort=False)
        return cls(points, summary, [count_undefined(name, group) for name, group in groups], facts)


TableFunction = Callable[[Settings, TableFiles], FigureContent]  # ``table`` of every kind


def rows_where(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The rows whose columns have these values."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def first_reason(tests: Mapping[str, pd.Series]) -> pd.Series:
    """The text of the first test, a boolean series, that is true of a row; "" where none is."""
    index = next(iter(tests.values())).index
    return pd.Series(np.select(list(tests.values()), list(tests), ""), index, dtype=object)


def count_undefined(of: str, reasons: pd.Series) -> dict[str, Any]:
    """An entry of ``FigureContent.undefined``, the most frequent reason first."""
    counts = reasons[reasons != ""].value_counts()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {"of": of, "points": len(reasons), "reasons": {str(text): int(number) for text, number in ordered}}
