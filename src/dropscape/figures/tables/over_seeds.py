"""Mean and range over seeds of quantities that are measured along training."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from dropscape.figures.tables.content import RUN_COLUMNS


def long_format(table: pd.DataFrame, quantities: Mapping[str, str]) -> pd.DataFrame:
    """One row per run, seed, step and quantity.

    Args:
        table: alignment of all runs, one row per run, seed and step; an empty ``undefined`` is NaN.
        quantities: the quantity's name by column.

    Returns:
        The run's settings, seed, step, quantity, value and ``reason``, empty where the value is finite.
    """
    kept = [*RUN_COLUMNS, "seed", "step", "undefined"]
    frames = [
        table[kept].assign(quantity=name, value=table[column].astype(float)) for column, name in quantities.items()
    ]
    points = pd.concat(frames, ignore_index=True)
    sentence = points.pop("undefined").fillna("").astype(str).str.strip()
    missing = ~points["value"].abs().lt(float("inf"))
    points["reason"] = sentence.where(sentence != "", "not a finite number").where(missing, "")
    return points


def over_seeds(
    points: pd.DataFrame, geometric: bool = False, keys: Sequence[str] = (*RUN_COLUMNS, "quantity", "step")
) -> pd.DataFrame:
    """Mean, least and greatest over the seeds with a value, per run, quantity and step.

    Args:
        points: with ``keys``, value and reason.
        geometric: the geometric mean, for positive values on a logarithmic axis.
        keys: columns whose values stand together for one point of a curve.

    Returns:
        ``keys``, mean, low, high, seeds (that have a value) and undefined (that have none).
    """
    values = points.assign(value=points["value"].where(points["reason"] == "")).groupby(
        list(keys), sort=False, dropna=False
    )["value"]
    mean = (lambda value: np.exp(np.log(value).mean())) if geometric else "mean"
    summary = values.agg(mean=mean, low="min", high="max", seeds="count", rows="size").reset_index()
    return summary.assign(undefined=summary.pop("rows") - summary["seeds"])
