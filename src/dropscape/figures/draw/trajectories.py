"""Draws the training loss along dropout and its stochastic modified equations (paper C, Fig. 1a and appendix C)."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dropscape.figures import style
from dropscape.figures.draw import methods

_COLUMNS = {1: 1, 2: 2, 4: 4}  # by the number of panels; otherwise three


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One panel per point (learning rate, keep probability); arguments as tabled."""
    runs = list(dict.fromkeys(summary["run"]))
    columns = _COLUMNS.get(len(runs), 3)
    rows = math.ceil(len(runs) / columns)
    figure, axes = style.grid(
        f"{description['place']}: training loss of dropout and its modified equation",
        columns,
        rows,
        1.6,
        style.legend_room(1),
        style.footer(
            description,
            methods.inputs_sentence(description),
            methods.trials_sentence(summary),
            "SME: stochastic modified equation. Risk $R_S$ without dropout.",
            methods.BANDS,
            methods.diverged_sentence(description["diverged"], summary),
        ),
    )
    panels = [panel for row in axes for panel in row]
    for panel, run in zip(panels, runs, strict=False):
        own = summary[summary["run"] == run]
        methods.curves(panel, own)
        methods.loss_axis(panel, own)
        methods.crosses(panel, own)
        panel.set_title(methods.point_title(own), loc="left", pad=4)
    for panel in panels[len(runs) :]:
        panel.remove()
    for row in axes:
        row[0].set_ylabel("loss $R_S$")
    entries = methods.handles(summary["method"]) + ([methods.cross()] if description["diverged"] else [])
    style.legend_below(axes[-1][0], [[entry] for entry in entries])
    return figure
