"""Curves with the range over seeds as a band."""

import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures.style import Look


def band(axes: Axes, summary: pd.DataFrame, look: Look, dashes: str | tuple, x: str = "step") -> None:
    """Mean over seeds against the column ``x`` as a line, least to greatest as a band."""
    rows = summary.sort_values(x)
    axes.fill_between(rows[x], rows["low"], rows["high"], color=look.colour, alpha=0.18, lw=0)
    axes.plot(rows[x], rows["mean"], color=look.colour, ls=dashes, lw=1.1)


def with_bars(axes: Axes, summary: pd.DataFrame, look: Look, dashes: str | tuple, x: str, hollow: bool = False) -> None:
    """Mean over seeds against the column ``x`` as joined markers, least to greatest as bars."""
    rows = summary.sort_values(x)
    face = {"mfc": "white", "mew": 0.7} if hollow else {"mew": 0}
    axes.vlines(rows[x], rows["low"], rows["high"], color=look.colour, lw=0.8)
    axes.plot(rows[x], rows["mean"], color=look.colour, ls=dashes, lw=0.9, marker=look.marker, ms=3.4, **face)


def steps_axis(axes: Axes, last: float, label: str = "training step (full batch: = epoch)") -> None:
    """Steps from 0, linear to 1 and logarithmic from there: what changes early is seen as well as the end."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    axes.set_xlim(0, last * 1.15)
    axes.set_xlabel(label)
    axes.tick_params(which="both", direction="in")
