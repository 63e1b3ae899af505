"""Accuracies of full networks and of random sub-networks that stay fixed along training (paper D, Fig. 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.figures.tables.content import Content, count_undefined
from dropscape.figures.tables.subnetwork_accuracies import FULL, PANEL, RANDOM, shown


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Test accuracy of the full network f(.; W_t) and of g(W_t; ., B_1), g(W_t; ., B_2), ... at recorded iterates t.

    Args:
        experiments: one, with ``panels``, the width and keep_prob of each panel (None: all that were trained).
        inputs: ``accuracies``, one table per experiment.

    Returns:
        points: panel (from 0), width, dropped_share, run, step, network (full or random), mask, value, reason.
        summary: mean, least and greatest over runs and masks, networks and undefined.
    """
    points = shown(experiments, inputs, [FULL, RANDOM])
    keys = ["panel", *PANEL, "network", "step"]
    values = points.assign(value=points["value"].where(points["reason"] == "")).groupby(keys, sort=False)["value"]
    summary: pd.DataFrame = values.agg(mean="mean", low="min", high="max", networks="count", rows="size").reset_index()
    summary = summary.assign(undefined=summary.pop("rows") - summary["networks"])
    masks = int(points.loc[points["network"] == RANDOM, "mask"].nunique())
    return Content(points, summary, [count_undefined("accuracies", points["reason"])], {"masks": masks})
