"""Draws functions through the same points with the R_1 of each (paper B, Fig. 11)."""

import pandas as pd

from dropscape.figures import style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

R1 = "R\N{SUBSCRIPT ONE}"
_CURVE, _POINT, _KNOT = "0.15", style.PALETTE[0], style.PALETTE[1]


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per curve."""
    loss, neurons = style.number(summary["risk"].max()), page.description["neurons"]
    sentences = [
        f"Each function is an explicit network of {neurons} ReLU neurons of one direction and a linear "
        f"term, without loss but for rounding (R_S at most {loss}). Its neurons are shared among its intercepts so "
        f"that {R1} is minimal (keep probability {page.description['keep_prob']:g}).",
        "Triangles: intercepts at which the slope rises (up) or falls (down).",
    ]
    title = f"three functions through the same points and their {R1}"
    axes = page.row(title, list(summary["curve"]), sentences, 1.6, legend_rows=2)
    for panel, row in zip(axes, summary.itertuples(), strict=True):
        curve, data, knots = (
            rows_where(points, curve=row.curve, kind=kind) for kind in ("output", "point", "intercept")
        )
        panel.plot(curve["x"], curve["output"], color=_CURVE, lw=1.1)
        panel.plot(data["x"], data["output"], "o", color=_POINT, ms=4.5, zorder=3)
        for marker, shown in (("^", knots[knots["slope_change"] > 0]), ("v", knots[knots["slope_change"] < 0])):
            panel.plot(shown["x"], shown["output"], marker, color=_KNOT, ms=4, zorder=4)
        panel.set_xlabel("x")
        ratio = "" if row.r1_ratio == 1 else f", {row.r1_ratio:.3g} \N{MULTIPLICATION SIGN} the minimal one's"
        counts = f"convexity changes: {row.convexity_changes}, intercepts: {row.intercepts}"
        legend_below(panel, [style.entry(f"{R1} = {row.r1:.3g}{ratio}", _CURVE), style.entry(counts, dashes="")])
    axes[0].set_ylabel("f(x)")
