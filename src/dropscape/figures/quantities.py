"""Measured quantities in long form, and their mean and range over seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

NOT_FINITE = "not a finite number"


def long_form(table: pd.DataFrame, names: Mapping[str, str], keys: Sequence[str]) -> pd.DataFrame:
    """One row per row of the table and quantity: ``keys``, quantity, value and reason ("" where it is finite).

    ``names`` are the quantity's name by column.
    """
    rows = table[list(keys)]
    frames = [rows.assign(quantity=name, value=table[column].astype(float)) for column, name in names.items()]
    points = pd.concat(frames, ignore_index=True)
    finite = points["value"].abs().lt(float("inf"))
    return points.assign(reason=finite.map({True: "", False: NOT_FINITE}))


def require_positive(points: pd.DataFrame, reason: str) -> pd.DataFrame:
    """The points, with ``reason`` for those that a logarithmic axis cannot show."""
    hidden = (points["reason"] == "") & (points["value"] <= 0)
    return points.assign(reason=points["reason"].mask(hidden, reason))


def over_seeds(
    points: pd.DataFrame, keys: Sequence[str], geometric: bool = False, count: str = "seeds"
) -> pd.DataFrame:
    """Mean, min and max over the seeds that have a value, of points with ``keys``, value and reason.

    Returns ``keys``, which one mean has in common, mean (``geometric`` for positive values on a logarithmic axis), low,
    high, ``count`` (the number of values) and undefined (the number of rows without one).
    """
    defined = points.assign(value=points["value"].where(points["reason"] == ""))
    mean = (lambda value: np.exp(np.log(value).mean())) if geometric else "mean"
    values = defined.groupby(list(keys), sort=False, dropna=False)["value"]
    summary = values.agg(**{"mean": mean, "low": "min", "high": "max", count: "count", "rows": "size"}).reset_index()
    return summary.assign(undefined=summary.pop("rows") - summary[count])
