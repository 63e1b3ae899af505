"""Draws how far expectations along the equations are from dropout's, by learning rate (paper C, Fig. 1b and c)."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures import methods, style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

_DASHED = (0, (4, 1.6))
_BELOW = 0.6  # the line of the order's slope is so many times lower than the one that it is to be compared with
_METHODS = {
    "order_1": style.Look("SME of order 1", style.PALETTE[0], "o"),
    "order_2": style.Look("SME of order 2", style.PALETTE[2], "s"),
    "drift_1": style.Look("order 1 without noise", style.PALETTE[1], "D"),
    "drift_2": style.Look("order 2 without noise", style.PALETTE[4], "^"),
    "descent": style.Look("gradient descent on $L_S$", "0.35", "v"),
    "dropout": style.Look("dropout with other masks", style.PALETTE[3], "P"),
}
_FUNCTIONS = {
    "mean": r"$\theta$ itself",
    "second_moment": r"$|\theta - \theta_0|^2$",
    "spread": r"$|\theta - \mathrm{descent}|^2$",
    "risk": "$R_S$",
    "cosine": r"$\cos\,\langle u, \theta \rangle$",
    "bounded": r"$\exp(-|\theta - \theta_0|^2/2)$",
}
_COLUMNS, _LINE = 3, 0.07  # panels of a row; of a panel's height, between two numbers
_SLOPES = {"order_1": [1], "order_2": [2], "dropout": []}  # to compare with; both where methods share a panel


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per method, one colour per keep probability; or one panel per test function, one colour per method."""
    by_function = page.description["compare"] == "test_functions"
    names = _FUNCTIONS if by_function else {name: look.label for name, look in _METHODS.items()}
    panels = [name for name in names if name in set(points["panel"])]
    if by_function:
        looks = {name: look for name, look in _METHODS.items() if name in set(points["curve"])}
    else:
        looks = style.shades(summary["curve"], "keep {:g}")
    rows = [panels[first : first + _COLUMNS] for first in range(0, len(panels), _COLUMNS)]
    title = "how far expectations along the SME are from dropout's"
    title += f", keep {page.description['keep_prob']:g}" if by_function else ""
    shape = {"sharing": 0} if by_function else {}
    grid = page.grid(
        title, [[names[one] for one in row] for row in rows], _sentences(page), 2.2, legend_rows=3, **shape
    )
    for axes, name in zip((axes for row in grid for axes in row), panels, strict=True):
        errors, fits = (rows_where(table, panel=name) for table in (points, summary))
        for position, (curve, look) in enumerate(looks.items()):
            own = (rows_where(table, curve=curve) for table in (errors, fits))
            _curve(axes, *own, look, (0.97, 0.03 + _LINE * (len(looks) - 1 - position)))
        axes.set(xscale="log", yscale="log", xlabel=r"learning rate $\eta$")
        for slope in _SLOPES.get(name, [1, 2]):
            _slope(axes, fits, slope)
        rates = sorted(set(errors["learning_rate"]))
        axes.set_xticks(rates, [f"{rate:.3g}" for rate in rates])
        axes.set_xticks([], minor=True)
    numbers = _LINE * len(looks) + 0.05  # the share of a panel's height that they take
    for axes in (axes for row in grid for axes in (row if by_function else row[:1])):
        low, high = axes.get_ylim()
        axes.set_ylim(low / (high / low) ** (numbers / (1 - numbers)), high)
        style.label_logarithmic(axes.yaxis)
    for row in grid:
        row[0].set_ylabel("difference of expectations", labelpad=1)
    guides = [style.entry("slopes of orders 1 and 2", "0.55", lw=0.9)]
    guides += [style.entry("noise floor", "0.35", style.DOTTED, lw=0.9)] if points["floor"].notna().any() else []
    curves = [
        style.entry(look.label, look.colour, _DASHED, lw=1, **style.marker(look.marker)) for look in looks.values()
    ]
    legend_below(grid[-1][0], curves[:3], curves[3:], guides)


def _sentences(page: Page) -> list[str]:
    described = page.description
    trials = " or ".join(f"{count:,}" for count in described["trials"])
    first = methods.inputs_sentence(described)
    if described["compare"] == "few_trials":
        return [
            first,
            f"The paper's own protocol, {described['repetitions']} times: the norm of the difference of the means of a "
            "few independent trials each, Euler-Maruyama with the step of dropout. Points: geometric mean; bars: from "
            "the smallest to the largest. Numbers: the mean slope with its 95 % interval over repetitions. "
            "Dropout with other masks has the same expectation: what it shows is the sampling error.",
        ]
    return [
        first,
        f"Definition 1: the largest difference of the expectations over the steps up to the end, from {trials} pairs "
        "of trials with the same initial parameters, their expansions in the response to the noise taken off "
        "(control variates); the equation takes midpoint steps inside one of dropout. Filled: root of the unbiased "
        "estimate of the squared norm; bars: one standard error. Hollow triangles: the noise hides the norm, which is "
        "likely below them.",
        f"Dotted: noise floor, the smallest norm that is {described['standard_errors']} standard errors above 0. "
        "Dashed: power laws through the filled points. Numbers: their slopes with 95 % intervals from the "
        "points' errors or from their scatter, whichever is wider. Grey: the orders' slopes.",
    ]


def _curve(panel: Axes, rows: pd.DataFrame, fits: pd.DataFrame, look: style.Look, place: tuple[float, float]) -> None:
    """Points, noise floor, fitted line and slope of one curve."""
    seen = rows[rows["norm"].notna()]
    # A bar whose lower end is below 0 cannot be drawn on the axis; none is, two standard errors above it.
    panel.vlines(seen["learning_rate"], seen["low"], seen["high"], color=look.colour, lw=1)
    panel.plot(seen["learning_rate"], seen["norm"], look.marker, color=look.colour, ms=4, mew=0, zorder=3)
    hidden = rows[rows["limit"].notna()]
    panel.plot(hidden["learning_rate"], hidden["limit"], "v", color=look.colour, mfc="none", ms=5, mew=0.9, zorder=3)
    panel.plot(rows["learning_rate"], rows["floor"], color=look.colour, ls=style.DOTTED, lw=0.9)
    for fit in fits.itertuples():
        panel.plot([fit.x_low, fit.x_high], [fit.y_low, fit.y_high], color=look.colour, ls=_DASHED, lw=1)
        slope = f"{fit.slope:.2f} [{fit.slope_low:.2f}, {fit.slope_high:.2f}]"
        if math.isnan(fit.slope):
            slope = f"no slope, {fit.points} of {fit.points + fit.hidden} above the noise"
        at = {"transform": panel.transAxes, "ha": "right", "fontsize": 5.7, "color": look.colour}
        panel.text(*place, style.with_minus(slope), **at)


def _slope(panel: Axes, fits: pd.DataFrame, order: float) -> None:
    """A line of a slope, below the lowest of the fitted ones."""
    fitted = fits[fits["slope"].notna()]
    if len(fitted):
        rates = np.array([fitted["x_low"].min(), fitted["x_high"].max()])
        lowest = fitted.loc[fitted["y_high"].idxmin()]
        panel.plot(
            rates, _BELOW * lowest["y_high"] * (rates / lowest["x_high"]) ** order, color="0.55", lw=0.9, zorder=1
        )
