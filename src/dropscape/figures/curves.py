"""Curves with the range over seeds."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures.style import Look, marker

RANGE = "Lines: mean over seeds; shading: min to max over seeds."
GEOMETRIC_RANGE = "Lines: geometric mean over seeds; shading: min to max over seeds."
EPOCHS = "training step (full batch: = epoch)"


def percent(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary of accuracies in percent."""
    return summary.assign(**{key: 100 * summary[key] for key in ("mean", "low", "high")})


def band(axes: Axes, summary: pd.DataFrame, look: Look, dashes: Any = "-", x: str = "step") -> None:
    """Mean over seeds against the column ``x`` as a line, min to max as shading."""
    rows = summary.sort_values(x)
    axes.fill_between(rows[x], rows["low"], rows["high"], color=look.colour, alpha=0.18, lw=0)
    axes.plot(rows[x], rows["mean"], color=look.colour, ls=dashes, lw=1.1)


def with_bars(axes: Axes, summary: pd.DataFrame, look: Look, dashes: Any, x: str, hollow: bool = False) -> None:
    """Mean over seeds against the column ``x`` as joined markers, min to max as bars."""
    rows = summary.sort_values(x)
    axes.vlines(rows[x], rows["low"], rows["high"], color=look.colour, lw=0.8)
    axes.plot(rows[x], rows["mean"], color=look.colour, ls=dashes, lw=0.9, **marker(look.marker, hollow))


def steps_axis(axes: Axes, last: float, label: str = "training step") -> None:
    """Steps from 0, linear to 1 and logarithmic from there: what changes early is seen as well as the end."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    axes.set(xlim=(0, last * 1.15), xlabel=label)
