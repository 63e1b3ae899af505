"""Draws accuracies of full networks and of the sub-networks that training visits (paper D, Fig. 1)."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.accuracy_axis import accuracy_axis
from dropscape.figures.tables.subnetwork_accuracies import FULL, VISITED

_COLUMNS = 3
LOOKS = {FULL: (style.PALETTE[0], "-"), VISITED: (style.PALETTE[1], (0, (3, 1.2)))}
LABELS = {
    FULL: "full network $f(\\cdot\\,; W_t)$",
    VISITED: "visited sub-network $g(W_t;\\, \\cdot\\,, B_t)$",
}


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One panel per width and dropped share; arguments as tabled."""
    panels = summary[["panel", "width", "dropped_share"]].drop_duplicates().sort_values("panel")
    runs = int(summary["runs"].max())
    spread = "Bands: a standard deviation over runs." if runs > 1 else "One run, no band."
    rows = math.ceil(len(panels) / _COLUMNS)
    figure, axes = style.grid(
        f"{description['place']}: full networks and the sub-networks that training visits",
        min(_COLUMNS, len(panels)),
        rows,
        1.45,
        style.legend_room(1),
        style.footer(
            description,
            f"Lines: mean over {runs} run{'s' if runs > 1 else ''}. {spread} $m$: width of the layer under dropout; "
            "$1-p$: dropped share (p is the keep probability).",
            "Each iterate's sub-network is that of its own mask $B_t$. The axis is logarithmic in the error.",
        ),
        shared=True,
    )
    places = [panel for row in axes for panel in row]
    for panel, row in zip(places, panels.itertuples(), strict=False):
        own = summary[summary["panel"] == row.panel]
        for network, (colour, dashes) in LOOKS.items():
            curve = own[own["network"] == network].sort_values("step")
            panel.fill_between(curve["step"], curve["low"], curve["high"], color="0.5", alpha=0.25, lw=0)
            panel.plot(curve["step"], curve["mean"], color=colour, ls=dashes, lw=1.1)
        panel.set_title(panel_title(row.width, row.dropped_share), loc="left", pad=4)
        iterations_axis(panel, own["step"].max())
    accuracy_axis(places[0], summary["mean"])
    for row in axes:
        row[0].set_ylabel("test accuracy [%]")
    for panel in places[len(panels) :]:
        panel.remove()
    handles = [[Line2D([], [], color=LOOKS[one][0], ls=LOOKS[one][1], label=LABELS[one])] for one in LOOKS]
    style.legend_below(axes[-1][0], handles)
    return figure


def panel_title(width: int, dropped_share: float) -> str:
    """Such as ``m = 10,000, dropped share 0.5``."""
    return f"$m$ = {width:,}, $1-p$ = {dropped_share:g}"


def iterations_axis(axes: Axes, last: float) -> None:
    """Iterations t from 0 to the last one."""
    axes.set_xlim(0, max(last, 1))
    axes.set_xlabel("iteration $t$")
    axes.tick_params(which="both", direction="in")
