"""Mean errors of the iterates of Algorithm 1 by their number (paper D, Theorems 4.1 and 4.2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table
from dropscape.figures.tables.content import Content, count_undefined
from dropscape.figures.tables.over_seeds import over_seeds
from dropscape.figures.tables.runs import quantities
from dropscape.subnetworks.slopes import error_slopes

TRAINING = ["experiment", "width", "keep_prob"]
FULL, VISITED = "full network", "visited sub-networks"
COLUMNS = {"mean_error_full": FULL, "mean_error_visited": VISITED}
ERROR, SLOPE = "mean error", "slope"


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """The misclassification error, mean over the iterates up to T, of q W_t and of g(W_t; ., B_t).

    Args:
        experiments: with ``name``.
        inputs: ``errors``, one table per experiment.

    Returns:
        points: experiment, width, keep_prob, seed, step (T), network (``full network`` or ``visited sub-networks``),
        quantity (``mean error``, or ``slope``: of log error over log T in the last decade of T, without a step),
        value, reason. summary: geometric mean and range of the error over seeds; mean and range of the slope.
    """
    curves, slopes = [], []
    for experiment, path in zip(experiments, inputs["errors"], strict=True):
        errors = read_table(path).assign(experiment=experiment["name"])
        curves.append(quantities(errors, COLUMNS, [*TRAINING, "seed", "step"]))
        for column, network in COLUMNS.items():
            fitted = error_slopes(errors, column).assign(experiment=experiment["name"])
            slopes.append(quantities(fitted, {"slope": network}, [*TRAINING, "seed"]))
    curve = _by_network(curves, ERROR)
    unseen = (curve["reason"] == "") & (curve["value"] <= 0)
    curve["reason"] = curve["reason"].mask(unseen, "error not positive")
    slope = _by_network(slopes, SLOPE)
    slope["reason"] = slope["reason"].mask(slope["reason"] != "", "fewer than three positive errors")
    keys = [*TRAINING, "network", "quantity"]
    summary = [over_seeds(curve, geometric=True, keys=[*keys, "step"]), over_seeds(slope, keys=keys)]
    undefined = [count_undefined("mean errors", curve["reason"]), count_undefined("slopes", slope["reason"])]
    return Content(pd.concat([curve, slope], ignore_index=True), pd.concat(summary, ignore_index=True), undefined, {})


def _by_network(frames: Sequence[pd.DataFrame], quantity: str) -> pd.DataFrame:
    points = pd.concat(frames, ignore_index=True).rename(columns={"quantity": "network"})
    return points.assign(quantity=quantity)
