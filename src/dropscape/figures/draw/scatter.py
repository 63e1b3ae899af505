"""Logarithmic scatter plots with fitted power laws."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter

from dropscape.figures.style import Look, legend_below

SAMPLES = {"trajectory": "trajectory of the parameters", "gradients": "gradients under fresh masks"}
UNITS = {"trajectory": "parameter$^2$", "gradients": "(loss / parameter)$^2$"}
LEGEND_LINES = 3  # of each run
_DASHES = {"all": (0, (4, 1.6)), "leading": (0, (1, 1.2))}


def fit_sentence(description: Mapping[str, Any]) -> str:
    """What the lines are and what the legend's numbers mean."""
    return (
        "Lines: power laws through a run's points (all seeds together), dashed through all directions and dotted "
        f"through the leading {description['leading']}; legend: their slopes with 95 % intervals (points taken as "
        "independent)."
    )


def scatter_runs(
    axes: Axes,
    points: pd.DataFrame,
    summary: pd.DataFrame,
    runs: Mapping[tuple[str, float], Look],
    x: str,
    y: str,
    *,
    size: float = 9,
    filled: bool = True,
    rasterized: bool = False,
) -> list[list[Line2D]]:
    """Points and fitted lines of the runs; returns each run's legend handles, with the slopes and their intervals.

    Args:
        axes: where to draw.
        points: of the runs, each with a place on the axes.
        summary: fits of the runs.
        runs: their looks.
        x, y: columns of ``points``.
        size: area of a marker in square points.
        filled: or open markers.
        rasterized: store the points of a vector file as an image; axes, lines and text stay vectors.
    """
    handles = []
    halo = [withStroke(linewidth=1.8, foreground="white", alpha=0.6)]
    for (run, _), look in runs.items():
        own = points[points["run"] == run]
        axes.scatter(
            own[x],
            own[y],
            s=size,
            marker=look.marker,
            facecolors=look.colour if filled else "none",
            edgecolors="none" if filled else look.colour,
            linewidths=0 if filled else 0.5,
            alpha=0.4 if filled else 0.6,
            rasterized=rasterized,
        )
        marker = {"marker": look.marker, "markersize": 4, "markeredgewidth": 0 if filled else 0.6}
        marker |= {"markerfacecolor": look.colour if filled else "none"}
        entries = [Line2D([], [], color=look.colour, ls="", label=look.label, **marker)]
        for _, fit in summary[summary["run"] == run].iterrows():
            dashes = _DASHES[fit["range"].split()[0]]
            ends = fit[["x_low", "x_high"]], fit[["y_low", "y_high"]]
            axes.plot(*ends, color=look.colour, ls=dashes, lw=1.0, zorder=4, path_effects=halo)
            label = f"{fit['range']}: {_slope(fit)}"
            entries.append(Line2D([], [], color=look.colour, ls=dashes, lw=1.0, label=label))
        handles.append(entries)
    return handles


def legend_of_runs(axes: Axes, handles: Sequence[Sequence[Line2D]], columns: int = 1) -> None:
    """The legend of ``scatter_runs`` below the axes, the lines of a run together."""
    rows = math.ceil(len(handles) / columns)
    parts = [handles[start : start + rows] for start in range(0, len(handles), rows)]
    legend_below(axes, [list(chain.from_iterable(part)) for part in parts])


def split(runs: Mapping[tuple[str, float], Look], summary: pd.DataFrame) -> tuple[dict, dict]:
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
        panel.tick_params(which="both", direction="in")
        for axis in (panel.xaxis, panel.yaxis):
            label_two_and_five(axis)
    axes[0].set_ylabel(y_label, labelpad=1)


def label_two_and_five(axis: Axis) -> None:
    """Labels 2 and 5 of each decade on an axis that shows too few powers of ten, none on a longer one."""

    def label(value: float, _: int) -> str:
        low, high = axis.get_view_interval()
        return f"{value:g}" if high < 50 * low and f"{value:e}"[0] in "25" else ""

    axis.set_minor_formatter(FuncFormatter(label))


def _slope(fit: pd.Series) -> str:
    if pd.isna(fit["slope"]):
        return f"no slope ({fit['points']:,} points)"
    low, high = fit["slope_low"], fit["slope_high"]
    return f"{fit['slope']:.2f} [{low:.2f}, {high:.2f}]".replace("-", "\N{MINUS SIGN}")
