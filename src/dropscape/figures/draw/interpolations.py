"""Draws the loss between the end points of trainings on two objectives (paper B, Fig. 14)."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.curves import band
from dropscape.figures.draw.objectives import SYMBOLS
from dropscape.figures.draw.shades import shades

_COLUMNS = {1: 1, 2: 2, 4: 2}  # by the number of panels; otherwise three
_LEGEND_ROWS = 2


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One panel per pair of objectives, one curve per keep probability; arguments as tabled."""
    pairs = list(dict.fromkeys(zip(summary["first_objective"], summary["second_objective"], strict=True)))
    columns = _COLUMNS.get(len(pairs), 3)
    rows = math.ceil(len(pairs) / columns)
    figure, axes = style.grid(
        f"{description['place']}: loss between end points of trainings on two objectives",
        columns,
        rows,
        1.35,
        style.legend_room(_LEGEND_ROWS),
        style.footer(
            description,
            r"$R_S$ without dropout at $(1-\alpha)\,\theta_{first} + \alpha\,\theta_{second}$: of $L_i$ & $L_j$ the "
            r"end point of the training on $L_i$ stands at $\alpha = 0$, that on $L_j$ at $\alpha = 1$.",
            "Lines: mean over seeds; bands: least to greatest over seeds. All panels have the same axes.",
        ),
        shared=True,
    )
    panels = [panel for row in axes for panel in row]
    looks = shades(summary["keep_prob"], lambda keep_prob: f"keep {keep_prob:g}")
    for panel, (first, second) in zip(panels, pairs, strict=False):
        own = summary[(summary["first_objective"] == first) & (summary["second_objective"] == second)]
        for (keep_prob, _, _), curve in own.groupby(["keep_prob", "first", "second"]):
            band(panel, curve, looks[keep_prob], "-", x="alpha")
        panel.set_title(f"{SYMBOLS[first]} & {SYMBOLS[second]}", loc="left", pad=4)
        panel.set_xlabel(r"$\alpha$")
        panel.tick_params(which="both", direction="in")
    for panel in panels[len(pairs) :]:
        panel.remove()
    for row in axes:
        row[0].set_ylabel("loss $R_S$")
    panels[0].set_xlim(0, 1)
    panels[0].set_ylim(bottom=0)
    handles = [Line2D([], [], color=look.colour, label=look.label) for look in looks.values()]
    parts = [handles[start : start + _LEGEND_ROWS] for start in range(0, len(handles), _LEGEND_ROWS)]
    style.legend_below(axes[-1][0], parts)
    return figure
