"""Mean and range over seeds of quantities that are measured along training."""

from collections.abc import Mapping

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


def over_seeds(points: pd.DataFrame, geometric: bool = False) -> pd.DataFrame:
    """Mean, least and greatest over the seeds with a value, per run, quantity and step.

    Args:
        points: of ``long_format``.
        geometric: the geometric mean, for positive values on a logarithmic axis.

    Returns:
        The run's settings, quantity, step, mean, low, high, seeds (that have a value) and undefined (that have none).
    """
    keys = [*RUN_COLUMNS, "quantity", "step"]
    values = points.assign(value=points["value"].where(points["reason"] == "")).groupby(keys, sort=False)["value"]
    mean = (lambda value: np.exp(np.log(value).mean())) if geometric else "mean"
    summary = values.agg(mean=mean, low="min", high="max", seeds="count", rows="size").reset_index()
    return summary.assign(undefined=summary.pop("rows") - summary["seeds"])
