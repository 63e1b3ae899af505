"""Draws accuracies of full networks and of random sub-networks that stay fixed along training (paper D, Fig. 2)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.accuracy_axis import accuracy_axis
from dropscape.figures.draw.subnetwork_accuracies import LABELS, LOOKS, iterations_axis, panel_title
from dropscape.figures.tables.subnetwork_accuracies import FULL, RANDOM

_ORANGE = style.PALETTE[1]


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One panel per width; arguments as tabled."""
    panels = points[["panel", "width", "dropped_share"]].drop_duplicates().sort_values("panel")
    first, runs, masks = points["run"].min(), points["run"].nunique(), description["masks"]
    shown = f"one line for each of {masks} masks" + (f" (run {first} of {runs})" if runs > 1 else "")
    figure, axes = style.page(
        f"{description['place']}: full networks and random sub-networks",
        [1] * len(panels),
        1.7,
        style.legend_room(1),
        style.footer(
            description,
            f"Orange: sub-networks of masks that are drawn once and stay, {shown}. $m$: width of the layer under "
            "dropout; $1-p$: dropped share (p is the keep probability).",
            "The axis is logarithmic in the error.",
        ),
    )
    points = points[points["run"] == first]
    for panel, row in zip(axes, panels.itertuples(), strict=True):
        own = points[points["panel"] == row.panel].sort_values("step")
        random = own[own["network"] == RANDOM].pivot_table(index="step", columns="mask", values="value", dropna=False)
        panel.plot(random.index, random.to_numpy(), color=_ORANGE, lw=0.5, alpha=0.35, rasterized=True)
        full = own[own["network"] == FULL]
        colour, dashes = LOOKS[FULL]
        panel.plot(full["step"], full["value"], color=colour, ls=dashes, lw=1.3)
        panel.set_title(panel_title(row.width, row.dropped_share), loc="left", pad=4)
        iterations_axis(panel, own["step"].max())
    accuracy_axis(axes[0], summary[["low", "high"]].to_numpy())
    axes[0].set_ylabel("test accuracy [%]")
    handles = [
        [Line2D([], [], color=LOOKS[FULL][0], label=LABELS[FULL])],
        [Line2D([], [], color=_ORANGE, lw=0.7, label="random sub-networks $g(W_t;\\, \\cdot\\,, B_k)$")],
    ]
    style.legend_below(axes[0], handles)
    return figure
