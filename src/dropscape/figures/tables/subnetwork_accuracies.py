"""Accuracies of full networks and of the sub-networks that training visits (paper D, Fig. 1)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dropscape.artifacts.files import read_table
from dropscape.figures.tables.content import Content, count_undefined, first_reason

PANEL = ["width", "dropped_share"]
FULL, VISITED, RANDOM = "full", "visited", "random"


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Test accuracy of the full network f(.; W_t) and of g(W_t; ., B_t) at every recorded iterate t.

    Args:
        experiments: one, with ``panels``, the width and keep_prob of each panel (None: all that were trained).
        inputs: ``accuracies``, one table per experiment.

    Returns:
        points: panel (from 0), width, dropped_share, run, step, network (full or visited), value, reason. summary:
        mean over runs, low and high (a standard deviation below and above it; the mean alone of a single run), runs
        and undefined.
    """
    points = shown(experiments, inputs, [FULL, VISITED])
    summary = deviation_over_runs(points)
    return Content(points.drop(columns="mask"), summary, [count_undefined("accuracies", points["reason"])], {})


def shown(
    experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]], networks: Sequence[str]
) -> pd.DataFrame:
    """The accuracies of the named networks in the figure's panels, in their order; as ``table``, with ``mask``."""
    (settings,) = experiments
    (path,) = inputs["accuracies"]
    accuracies = read_table(path)
    # 1 - keep_prob has digits that say nothing; without them a share finds its panel.
    accuracies["dropped_share"] = accuracies["dropped_share"].round(9)
    trained = accuracies[PANEL].drop_duplicates().sort_values(PANEL).to_dict("records")
    wanted = settings["panels"] and [
        {"width": panel["width"], "dropped_share": round(1 - panel["keep_prob"], 9)} for panel in settings["panels"]
    ]
    panels = pd.DataFrame(wanted or trained).rename_axis("panel").reset_index()
    points = panels.merge(accuracies[accuracies["network"].isin(networks)], on=PANEL).rename(
        columns={"accuracy": "value"}
    )
    undefined = (~np.isfinite(points["value"]), "not a finite number")
    points["reason"] = first_reason(points.index, [undefined])
    return points[["panel", *PANEL, "run", "step", "network", "mask", "value", "reason"]]


def deviation_over_runs(points: pd.DataFrame) -> pd.DataFrame:
    """Mean of the runs at every step of each panel and network, and a standard deviation (n - 1) below and above it."""
    keys = ["panel", *PANEL, "network", "step"]
    values = points.assign(value=points["value"].where(points["reason"] == "")).groupby(keys, sort=False)["value"]
    summary = values.agg(mean="mean", deviation="std", runs="count", rows="size").reset_index()
    deviation = summary.pop("deviation").fillna(0)
    return summary.assign(
        low=summary["mean"] - deviation,
        high=summary["mean"] + deviation,
        undefined=summary.pop("rows") - summary["runs"],
    )
