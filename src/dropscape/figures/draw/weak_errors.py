"""Draws how far the equations' expected ends are from dropout's, by learning rate (paper C, Fig. 1b and c)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.methods import inputs_sentence
from dropscape.figures.draw.scatter import label_two_and_five

_MARKERS = "osD^vP"
_FLOOR = (0, (1, 1.5))
_APART = 0.6  # the guide is so many times lower than the line that it is to be compared with


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One panel per order of the equation, one colour per keep probability; arguments as tabled."""
    orders, keep_probs = (sorted(set(summary[column])) for column in ("order", "keep_prob"))
    above = description["standard_errors"]
    trials = " or ".join(f"{count:,}" for count in description["trials"])
    figure, axes = style.page(
        f"{description['place']}: how far the expected parameters of the SME are from dropout's",
        [1] * len(orders),
        2.3,
        style.legend_room(len(keep_probs) + 2),
        style.footer(
            description,
            inputs_sentence(description),
            f"Expectations from {trials} pairs of trials from one start. Filled: root of the unbiased estimate of the "
            "squared norm; bars: one standard error. Hollow triangles: the noise hides the norm, likely below them.",
            f"Dotted: noise floor, the smallest norm that is {above} standard errors above 0. Dashed: power laws "
            "through the filled points; legend: slopes with 95 % intervals from the points' own errors or from their "
            "scatter, whichever is wider. Grey: the order's slope.",
        ),
    )
    looks = _looks(keep_probs)
    for panel, order in zip(axes, orders, strict=True):
        own, fits = (table[table["order"] == order] for table in (points, summary))
        handles = [
            _curve(panel, own[own["keep_prob"] == p], fits[fits["keep_prob"] == p], looks[p]) for p in keep_probs
        ]
        panel.set(xscale="log", yscale="log", xlabel=r"learning rate $\eta$")
        _guide(panel, fits, order)
        panel.set_title(f"SME of order {order:g}", loc="left", pad=4)
        panel.tick_params(which="both", direction="in")
        rates = sorted(set(own["learning_rate"]))
        panel.set_xticks(rates, [f"{rate:.3g}" for rate in rates])
        panel.set_xticks([], minor=True)
        shared = [
            Line2D([], [], color="0.55", lw=0.9, label=f"slope {order:g}"),
            Line2D([], [], color="0.35", ls=_FLOOR, lw=0.9, label="noise floor"),
        ]
        style.legend_below(panel, [[*handles, *shared]])
    label_two_and_five(axes[0].yaxis)
    for panel in axes[1:]:
        panel.tick_params(which="both", labelleft=False)
    axes[0].set_ylabel(r"$|\mathbb{E}\,\Theta_T - \mathbb{E}\,\theta_T|$ [parameter]", labelpad=1)
    return figure


def _curve(panel: Axes, rows: pd.DataFrame, fits: pd.DataFrame, look: style.Look) -> Line2D:
    """Points, noise floor and fitted line of one keep probability; returns its legend entry."""
    seen = rows[rows["norm"].notna()]
    # A bar whose lower end is below 0 has no place on the axis; none is, two standard errors above it.
    panel.vlines(seen["learning_rate"], seen["low"], seen["high"], color=look.colour, lw=1)
    panel.plot(seen["learning_rate"], seen["norm"], look.marker, color=look.colour, ms=4, mew=0, zorder=3)
    hidden = rows[rows["limit"].notna()]
    panel.plot(hidden["learning_rate"], hidden["limit"], "v", color=look.colour, mfc="none", ms=5, mew=0.9, zorder=3)
    panel.plot(rows["learning_rate"], rows["floor"], color=look.colour, ls=_FLOOR, lw=0.9)
    slope = "not simulated"
    for fit in fits.itertuples():
        panel.plot([fit.x_low, fit.x_high], [fit.y_low, fit.y_high], color=look.colour, ls=(0, (4, 1.6)), lw=1)
        slope = f"slope {fit.slope:.2f} [{fit.slope_low:.2f}, {fit.slope_high:.2f}]"
        if math.isnan(fit.slope):
            slope = f"no slope, {fit.points} of {fit.points + fit.hidden} points above the noise"
    label = f"{look.label}: {slope}".replace("-", "\N{MINUS SIGN}")
    return Line2D([], [], color=look.colour, ls=(0, (4, 1.6)), lw=1, marker=look.marker, ms=3.6, mew=0, label=label)


def _guide(panel: Axes, fits: pd.DataFrame, order: float) -> None:
    """A line of the order's slope, below the lowest of the fitted ones."""
    fitted = fits[fits["slope"].notna()]
    if len(fitted):
        rates = np.array([fitted["x_low"].min(), fitted["x_high"].max()])
        lowest = fitted.loc[fitted["y_low"].idxmin()]
        panel.plot(rates, _APART * lowest["y_low"] * (rates / lowest["x_low"]) ** order, color="0.55", lw=0.9, zorder=1)


def _looks(keep_probs: Sequence[float]) -> dict[float, style.Look]:
    """A shade for each keep probability, from the smallest, dark, to the largest."""
    shades = [to_hex(colour) for colour in sns.color_palette("viridis", len(keep_probs))]
    return {
        keep_prob: style.Look(f"keep {keep_prob:g}", "", shade, _MARKERS[place % len(_MARKERS)])
        for place, (keep_prob, shade) in enumerate(zip(keep_probs, shades, strict=True))
    }
