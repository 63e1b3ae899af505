"""Draws how far the equations' expected ends are from dropout's, by learning rate (paper C, Fig. 1b and c)."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dropscape.figures import methods, style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

_DASHED = (0, (4, 1.6))
_BELOW = 0.6  # the line of the order's slope is so many times lower than the one that it is to be compared with


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per order of the equation, one colour per keep probability."""
    orders, looks = sorted(set(summary["order"])), style.shades(summary["keep_prob"], "keep {:g}")
    trials = " or ".join(f"{count:,}" for count in page.description["trials"])
    above = page.description["standard_errors"]
    sentences = [
        methods.inputs_sentence(page.description),
        f"Expectations are over {trials} pairs of trials with the same initial parameters. Filled: root of the "
        "unbiased estimate of the squared norm; bars: one standard error. Hollow triangles: the noise hides the norm, "
        "which is likely below them.",
        f"Dotted: noise floor, the smallest norm that is {above} standard errors above 0. "
        "Dashed: power laws through the filled points. The legend gives their slopes with 95 % intervals from the "
        "points' errors or from their scatter, whichever is wider. Grey: the order's slope.",
    ]
    title = "how far the expected parameters of the SME are from dropout's"
    titles = [f"SME of order {order:g}" for order in orders]
    axes = page.row(title, titles, sentences, 2.3, legend_rows=len(looks) + 2)
    for panel, order in zip(axes, orders, strict=True):
        errors, fits = (rows_where(table, order=order) for table in (points, summary))
        handles = [
            _curve(panel, *(rows_where(table, keep_prob=keep_prob) for table in (errors, fits)), look)
            for keep_prob, look in looks.items()
        ]
        panel.set(xscale="log", yscale="log", xlabel=r"learning rate $\eta$")
        _slope_of_order(panel, fits, order)
        rates = sorted(set(errors["learning_rate"]))
        panel.set_xticks(rates, [f"{rate:.3g}" for rate in rates])
        panel.set_xticks([], minor=True)
        floor = style.entry("noise floor", "0.35", style.DOTTED, lw=0.9)
        legend_below(panel, [*handles, style.entry(f"slope {order:g}", "0.55", lw=0.9), floor])
    style.label_logarithmic(axes[0].yaxis)
    axes[0].set_ylabel(r"$|\mathbb{E}\,\Theta_T - \mathbb{E}\,\theta_T|$ [parameter]", labelpad=1)


def _curve(panel: Axes, rows: pd.DataFrame, fits: pd.DataFrame, look: style.Look) -> Line2D:
    """Points, noise floor and fitted line of one keep probability; returns its legend entry."""
    seen = rows[rows["norm"].notna()]
    # A bar whose lower end is below 0 cannot be drawn on the axis; none is, two standard errors above it.
    panel.vlines(seen["learning_rate"], seen["low"], seen["high"], color=look.colour, lw=1)
    panel.plot(seen["learning_rate"], seen["norm"], look.marker, color=look.colour, ms=4, mew=0, zorder=3)
    hidden = rows[rows["limit"].notna()]
    panel.plot(hidden["learning_rate"], hidden["limit"], "v", color=look.colour, mfc="none", ms=5, mew=0.9, zorder=3)
    panel.plot(rows["learning_rate"], rows["floor"], color=look.colour, ls=style.DOTTED, lw=0.9)
    slope = "not simulated"
    for fit in fits.itertuples():
        panel.plot([fit.x_low, fit.x_high], [fit.y_low, fit.y_high], color=look.colour, ls=_DASHED, lw=1)
        slope = f"slope {fit.slope:.2f} [{fit.slope_low:.2f}, {fit.slope_high:.2f}]"
        if math.isnan(fit.slope):
            slope = f"no slope, {fit.points} of {fit.points + fit.hidden} points above the noise"
    label = style.with_minus(f"{look.label}: {slope}")
    return style.entry(label, look.colour, _DASHED, lw=1, **style.marker(look.marker))


def _slope_of_order(panel: Axes, fits: pd.DataFrame, order: float) -> None:
    """A line of the order's slope, below the lowest of the fitted ones."""
    fitted = fits[fits["slope"].notna()]
    if len(fitted):
        rates = np.array([fitted["x_low"].min(), fitted["x_high"].max()])
        lowest = fitted.loc[fitted["y_low"].idxmin()]
        panel.plot(rates, _BELOW * lowest["y_low"] * (rates / lowest["x_low"]) ** order, color="0.55", lw=0.9, zorder=1)
