"""Draws functions through the same points with the R_1 of each (paper B, Fig. 11)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style

R1 = "R\N{SUBSCRIPT ONE}"
_CURVE, _POINT, _BEND = "0.15", style.PALETTE[0], style.PALETTE[1]


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One panel per curve; arguments as tabled."""
    figure, axes = style.page(
        f"{description['place']}: three functions through the same points and their {R1}",
        [1] * len(summary),
        1.6,
        style.legend_room(2),
        style.footer(
            description,
            f"Explicit networks of {description['neurons']} ReLU neurons of one direction and a linear term, no loss "
            f"but rounding (largest R_S {style.number(summary['risk'].max())}).",
            f"The neurons are shared among a function's intercepts so that {R1} is least (keep probability "
            f"{description['keep_prob']:g}). Triangles: intercepts at which the slope rises (up) or falls (down).",
        ),
    )
    for panel, row in zip(axes, summary.itertuples(), strict=True):
        own = points[points["curve"] == row.curve]
        drawn, data, bends = (own[own["kind"] == kind] for kind in ("output", "point", "intercept"))
        panel.plot(drawn["x"], drawn["output"], color=_CURVE, lw=1.1)
        panel.plot(data["x"], data["output"], "o", color=_POINT, ms=4.5, zorder=3)
        for marker, some in (("^", bends[bends["bend"] > 0]), ("v", bends[bends["bend"] < 0])):
            panel.plot(some["x"], some["output"], marker, color=_BEND, ms=4, zorder=4)
        panel.set_title(row.curve, loc="left", pad=4)
        panel.set_xlabel("x")
        panel.tick_params(which="both", direction="in")
        ratio = "" if row.r1_ratio == 1 else f", {row.r1_ratio:.3g} \N{MULTIPLICATION SIGN} the minimal one's"
        lines = (
            Line2D([], [], color=_CURVE, label=f"{R1} = {row.r1:.3g}{ratio}"),
            Line2D([], [], ls="", label=f"convexity changes: {row.convexity_changes}, intercepts: {row.intercepts}"),
        )
        style.legend_below(panel, [lines])
    axes[0].set_ylabel("f(x)")
    return figure
