"""Logarithmic scatter plots with fitted power laws."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from dropscape.figures.content import rows_where
from dropscape.figures.page import batches, legend_below
from dropscape.figures.style import Look, entry, with_minus

SAMPLES = {"trajectory": "trajectory of the parameters", "gradients": "gradients under fresh masks"}
UNITS = {"trajectory": "parameter$^2$", "gradients": "(loss / parameter)$^2$"}
LEGEND_LINES = 3  # of each run
Runs = Mapping[tuple[str, float], Look]
_DASHES = {"all": (0, (4, 1.6)), "leading": (0, (1, 1.2))}


def fit_sentence(description: Mapping[str, Any]) -> str:
    """What the lines are and what the legend's numbers mean."""
    return (
        "Lines: power laws, the mean of those through each seed's points, dashed through all directions and dotted "
        f"through the leading {description['leading']}; the legend gives their slopes with 95 % intervals over seeds."
    )


def scatter_runs(
    axes: Axes,
    points: pd.DataFrame,
    summary: pd.DataFrame,
    runs: Runs,
    x: str,
    y: str,
    *,
    columns: int = 1,
    size: float = 9,
    filled: bool = True,
    rasterized: bool = False,
) -> None:
    """Points of the runs that can be drawn, fitted lines, and a legend with the slopes and their intervals.

    Args:
        x, y: columns of ``points``.
        columns: of the legend.
        size: area of a marker in square points.
        filled: or open markers.
        rasterized: store the points of a vector file as an image; axes, lines and text stay vectors.
    """
    halo = [withStroke(linewidth=1.8, foreground="white", alpha=0.6)]
    handles = []
    for (run, _), look in runs.items():
        rows = rows_where(points, run=run)
        face, edge, width = (look.colour, "none", 0) if filled else ("none", look.colour, 0.6)
        axes.scatter(
            rows[x], rows[y], s=size, marker=look.marker, facecolors=face, edgecolors=edge, linewidths=width,
            alpha=0.4 if filled else 0.6, rasterized=rasterized,
        )  # fmt: skip
        handles.append([entry(look.label, look.colour, "", marker=look.marker, ms=4, mew=width, mfc=face)])
        for _, fit in rows_where(summary, run=run).iterrows():
            dashes = _DASHES[fit["range"].split()[0]]
            ends = fit[["x_low", "x_high"]], fit[["y_low", "y_high"]]
            axes.plot(*ends, color=look.colour, ls=dashes, lw=1.0, zorder=4, path_effects=halo)
            handles[-1].append(entry(f"{fit['range']}: {_slope(fit)}", look.colour, dashes, lw=1.0))
    chunks = batches(handles, math.ceil(len(handles) / columns))
    legend_below(axes, *(list(chain.from_iterable(chunk)) for chunk in chunks))


def main_and_variants(runs: Runs, summary: pd.DataFrame) -> tuple[Runs, Runs]:
    """The main runs (all, if every run is a variant), and the variants with the main runs of their settings."""
    rows = summary.drop_duplicates(["run", "keep_prob"]).set_index(["run", "keep_prob"])
    main = {key: look for key, look in runs.items() if not look.variant}
    variants = {key: look for key, look in runs.items() if look.variant}
    if not main:
        return variants, {}
    settings = {(key[1], rows.loc[key, "learning_rate"]) for key in variants}
    partners = {key: look for key, look in main.items() if (key[1], rows.loc[key, "learning_rate"]) in settings}
    return main, partners | variants if variants else {}


def logarithmic(axes: Sequence[Axes], x_label: str, y_label: str) -> None:
    """Logarithmic axes, the vertical one labelled on the left panel only."""
    for panel in axes:
        panel.set(xscale="log", yscale="log", xlabel=x_label)
    axes[0].set_ylabel(y_label, labelpad=1)


def _slope(fit: pd.Series) -> str:
    if pd.isna(fit["slope"]):
        return f"no slope ({fit['points']:,} points)"
    interval = "" if pd.isna(fit["slope_low"]) else f" [{fit['slope_low']:.2f}, {fit['slope_high']:.2f}]"
    return with_minus(f"{fit['slope']:.2f}{interval}")
