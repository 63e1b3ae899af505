"""Draws mean errors of the iterates of Algorithm 1 by their number (paper D, Theorems 4.1 and 4.2)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.curves import band
from dropscape.figures.draw.shades import shades
from dropscape.figures.tables.error_rates import ERROR, FULL, SLOPE, VISITED

_DASHES = ["-", (0, (3, 1.4)), (0, (1, 1.2)), (0, (4, 1, 1, 1))]  # keep probabilities from the largest
_NETWORKS = (FULL, VISITED)


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """A row of panels per experiment, full networks beside visited sub-networks; arguments as tabled."""
    experiments = [experiment["name"] for experiment in description["experiments"]]
    curves, slopes = summary[summary["quantity"] == ERROR], summary[summary["quantity"] == SLOPE]
    keep_probs = sorted(set(curves["keep_prob"]), reverse=True)
    dashes = dict(zip(keep_probs, _DASHES * len(keep_probs), strict=False))
    looks = shades(curves["width"], lambda width: f"$m$ = {width:,.0f}")
    figure, axes = style.grid(
        f"{description['place']}: mean error of the iterates by their number",
        len(_NETWORKS),
        len(experiments),
        1.45,
        style.legend_room(max(len(looks), len(dashes) + 1)),
        style.footer(
            description,
            "Misclassification of $q W_t$ and of $g(W_t;\\, \\cdot\\,, B_t)$ on the test examples, mean over the "
            "iterates up to T. Lines: geometric mean over seeds; bands: least to greatest over seeds.",
            "Slopes: of the last decade of T, least to greatest of all networks and seeds.",
        ),
        shared=True,
    )
    for row, experiment in zip(axes, experiments, strict=True):
        for panel, network in zip(row, _NETWORKS, strict=True):
            own = curves[(curves["experiment"] == experiment) & (curves["network"] == network) & (curves["step"] > 0)]
            for (width, keep_prob), curve in own.groupby(["width", "keep_prob"]):
                band(panel, curve, looks[width], dashes[keep_prob])
            fitted = slopes[(slopes["experiment"] == experiment) & (slopes["network"] == network)]
            panel.set_title(f"{experiment}: {network}", loc="left", pad=4)
            panel.text(0.03, 0.05, _range(fitted), transform=panel.transAxes, fontsize=6.5)
            _axes(panel, own)
        row[0].set_ylabel("mean error up to $T$")
    if curves["low"].gt(0).any():
        axes[0][0].set_ylim(curves.loc[curves["low"] > 0, "low"].min() / 1.5, 1)
    widths = [Line2D([], [], color=look.colour, label=look.label) for look in looks.values()]
    kept = [Line2D([], [], color="0.3", ls=dashes[one], label=f"keep probability {one:g}") for one in keep_probs]
    kept.append(Line2D([], [], color="0.35", lw=0.7, label="slope \N{MINUS SIGN}1"))
    style.legend_below(axes[-1][0], [widths, kept])
    return figure


def _axes(panel: Axes, curves: pd.DataFrame) -> None:
    """Logarithmic axes and a line of slope -1 through the end of the highest curve."""
    panel.set_xlabel("iterations $T$")
    panel.tick_params(which="both", direction="in")
    if not curves["mean"].gt(0).any():
        return
    panel.set_xscale("log")
    panel.set_yscale("log")
    last = curves["step"].max()
    highest = curves.loc[curves["step"] == last, "mean"].max()
    steps = np.array([last / 10, last])
    panel.plot(steps, 1.5 * highest * last / steps, color="0.35", lw=0.7)


def _range(slopes: pd.DataFrame) -> str:
    if not slopes["seeds"].sum():
        return ""
    low, high = (f"{value:.2f}".replace("-", "\N{MINUS SIGN}") for value in (slopes["low"].min(), slopes["high"].max()))
    return f"slopes {low} to {high}"
