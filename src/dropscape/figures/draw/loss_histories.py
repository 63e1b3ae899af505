"""Draws the loss along trainings, of which some go on from the end of others (paper B, Fig. 5 left and Fig. 9a)."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dropscape.figures import style
from dropscape.figures.draw.curves import band, steps_axis
from dropscape.figures.draw.objectives import run_looks
from dropscape.figures.tables.loss_histories import FIRST_BELOW, LOSS

_DOTTED = (0, (1, 1.5))


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One curve per run; arguments as tabled."""
    looks, level, starts = run_looks(summary), description["level"], description["starts"]
    curves = summary[summary["quantity"] == LOSS]
    sentences = ["Risk $R_S$ without dropout. Lines: geometric mean over seeds; bands: least to greatest over seeds."]
    if starts:
        sentences.append("Dashed vertical: where trainings go on from the end point of another on another objective.")
    if level is not None:
        sentences.append(f"Legend: first recorded step with a loss below {style.number(level)}, mean over seeds.")
    figure, (axes,) = style.page(
        f"{description['place']}: loss along training",
        [1],
        2.4,
        style.legend_room(math.ceil((len(looks) + 1) / 2)),
        style.footer(description, *sentences),
    )
    for (experiment, run), look in looks.items():
        own = curves[(curves["experiment"] == experiment) & (curves["run"] == run)]
        band(axes, own, look, "-", x="at")
    for start in starts:
        axes.axvline(start, color="0.3", lw=0.8, ls="--", zorder=1)
    if level is not None:
        axes.axhline(level, color="0.35", lw=0.7, ls=_DOTTED, zorder=1)
    if starts:
        # On a logarithmic axis what happens right after the start of the second training would be one point.
        axes.set_xlim(0, curves["at"].max())
        axes.xaxis.set_major_locator(MaxNLocator(6, prune="upper"))  # the last number would stand over the edge
        axes.set_xlabel("training step")
        axes.tick_params(which="both", direction="in")
    else:
        steps_axis(axes, curves["at"].max(), "training step")
    if curves["mean"].gt(0).any():
        axes.set_yscale("log")
    axes.set_ylabel("loss $R_S$")
    handles = [
        Line2D([], [], color=look.colour, label=look.label + _first_step(summary, *key)) for key, look in looks.items()
    ]
    if level is not None:
        handles.append(Line2D([], [], color="0.35", lw=0.7, ls=_DOTTED, label=f"level {style.number(level)}"))
    half = math.ceil(len(handles) / 2)
    style.legend_below(axes, [part for part in (handles[:half], handles[half:]) if part])
    return figure


def _first_step(summary: pd.DataFrame, experiment: str, run: str) -> str:
    """Such as ``: below at 12,000``; empty where it was not looked for."""
    rows = summary[
        (summary["quantity"] == FIRST_BELOW) & (summary["experiment"] == experiment) & (summary["run"] == run)
    ]
    if not len(rows):
        return ""
    row = rows.iloc[0]
    if not row["seeds"]:
        return ": never below"
    some = f", {row['seeds']:.0f} of {row['seeds'] + row['undefined']:.0f} seeds" if row["undefined"] else ""
    return f": below at {row['mean']:,.0f}{some}"
