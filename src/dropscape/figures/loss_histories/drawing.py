"""Draws the loss along trainings, of which some continue others (paper B, Fig. 5 left and Fig. 9a)."""

import pandas as pd
from matplotlib.ticker import MaxNLocator

from dropscape.figures import curves, objectives, style
from dropscape.figures.content import rows_where
from dropscape.figures.loss_histories.table import FIRST_BELOW, LOSS
from dropscape.figures.page import Page, legend_below


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One curve per run."""
    looks, level, starts = objectives.run_looks(summary), page.description["level"], page.description["starts"]
    losses, firsts = (rows_where(summary, quantity=quantity) for quantity in (LOSS, FIRST_BELOW))
    sentences = ["The loss is the risk $R_S$ without dropout.", curves.GEOMETRIC_RANGE]
    if starts:
        sentences.append("Dashed vertical lines: trainings on another objective continue from the end point of one.")
    if level is not None:
        below = style.number(level)
        sentences.append(f"The legend gives the first recorded step with a loss below {below}, mean over seeds.")
    # One column: with an initial scale and a first step, two names are wider than the page.
    (axes,) = page.row("loss along training", [""], sentences, 2.4, len(looks) + 1)
    handles = []
    for (experiment, run), look in looks.items():
        curves.band(axes, rows_where(losses, experiment=experiment, run=run), look, x="at")
        first_step = _first_step(rows_where(firsts, experiment=experiment, run=run))
        handles.append(style.entry(look.label + first_step, look.colour))
    for start in starts:
        axes.axvline(start, color="0.3", lw=0.8, ls="--", zorder=1)
    if level is not None:
        axes.axhline(level, ls=style.DOTTED, zorder=1, **style.GUIDE)
        handles.append(style.guide_entry(f"level {style.number(level)}", style.DOTTED))
    if starts:
        # On a logarithmic axis what happens right after the start of the second training would be one point.
        axes.set(xlim=(0, losses["at"].max()), xlabel="training step")
        axes.xaxis.set_major_locator(MaxNLocator(6, prune="upper"))  # the last number would reach over the edge
    else:
        curves.steps_axis(axes, losses["at"].max())
    if losses["mean"].gt(0).any():
        axes.set_yscale("log")
    axes.set_ylabel("loss $R_S$")
    legend_below(axes, handles)


def _first_step(rows: pd.DataFrame) -> str:
    """Such as ``: below at 12,000``; empty where it was not looked for."""
    if not len(rows):
        return ""
    row = rows.iloc[0]
    if not row["seeds"]:
        return ": never below"
    some = f", {row['seeds']:.0f} of {row['seeds'] + row['undefined']:.0f} seeds" if row["undefined"] else ""
    return f": below at {row['mean']:,.0f}{some}"
