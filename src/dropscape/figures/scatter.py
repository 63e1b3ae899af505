"""Logarithmic scatter plots with fitted power laws: a panel for each run and estimate, so that none hides."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from dropscape.figures import style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page
from dropscape.figures.style import Look, with_minus

SAMPLES = {"trajectory": "trajectory of the parameters", "gradients": "gradients under fresh masks"}
UNITS = {"trajectory": "parameter$^2$", "gradients": "(loss / parameter)$^2$"}
Runs = Mapping[tuple[str, float], Look]
_DASHES = {"all": (0, (4, 1.6)), "leading": (0, (1, 1.2))}
_INSIDE = 0.99  # of all points: an axis shows them and some room besides, and says how many lie beyond
_ROOM = 0.15  # of their range, on either side
_SMALL = 4.8  # points, of the text in a panel
_FAR_LEFT = 0.66  # inches, for a label of two lines


def fit_sentence(description: Mapping[str, Any]) -> str:
    """What the lines and the numbers in the panels are."""
    return (
        "Lines: power laws, the mean of those through each seed's points, dashed through all directions and dotted "
        f"through the leading {description['leading']}; numbers: their slopes with 95 % intervals over seeds. "
        "Triangles at an edge: points that lie beyond it."
    )


def run_panels(
    page: Page,
    title: str,
    sentences: Sequence[str],
    points: pd.DataFrame,
    summary: pd.DataFrame,
    estimates: Mapping[str, str],
    x: tuple[str, str],
    y: tuple[str, str],
    rising: bool,
    size: float = 5,
) -> None:
    """A row of panels for each estimate, a column for each run, variants last; of one run alone a row for all.

    Args:
        points: those that are drawn; their column ``estimate`` has the names of ``estimates``, as the summary's.
        estimates: what each is called, in the order of the rows.
        x, y: a column of the points and its label.
        rising: whether y rises with x, so that the panels' upper left and lower right have room for text.
        size: area of a marker in square points.
    """
    looks = style.looks(summary)
    panels = [[(estimate, key) for key in looks] for estimate in estimates]
    labels = [look.label for look in looks.values()]
    titles = [labels, *([""] * len(labels) for _ in panels[1:])]
    if len(looks) == 1:
        panels, titles = [[row[0] for row in panels]], [[f"{name}, {labels[0]}" for name in estimates.values()]]
    rows = page.grid(title, titles, sentences, 1.35 if len(looks) > 1 else 2.0, left=_FAR_LEFT)
    x_limits, y_limits = (_limits(points[column]) for column, _ in (x, y))
    for axes, of_row in zip(rows, panels, strict=True):
        for panel, (estimate, (run, keep_prob)) in zip(axes, of_row, strict=True):
            panel.set(xscale="log", yscale="log")
            of_run = {"run": run, "estimate": estimate}
            shown = rows_where(points, **of_run)[[x[0], y[0]]].to_numpy(dtype=float)
            _scatter(panel, shown, rows_where(summary, **of_run), looks[run, keep_prob], size, rising)
            _mark_beyond(panel, shown, np.array([x_limits, y_limits]), rising)
            panel.set(xlim=x_limits, ylim=y_limits)
        name = "" if len(looks) == 1 else f"{estimates[of_row[0][0]]}\n"
        axes[0].set_ylabel(f"{name}{y[1]}", fontsize=6.5, labelpad=1)
    middle = rows[-1][len(rows[-1]) // 2]
    middle.set_xlabel(x[1], x=0.5 if len(rows[-1]) % 2 else 0.0)
    style.label_logarithmic(rows[0][0].xaxis)
    style.label_logarithmic(rows[0][0].yaxis)


def _scatter(axes: Axes, points: np.ndarray, fits: pd.DataFrame, look: Look, size: float, rising: bool) -> None:
    """The points of a run (n, 2), and its fitted lines with their slopes."""
    axes.scatter(*points.T, s=size, marker=look.marker, c=look.colour, linewidths=0, alpha=0.4, rasterized=True)
    halo = [withStroke(linewidth=1.8, foreground="white", alpha=0.7)]
    said = []
    for _, fit in fits.iterrows():
        ends = fit[["x_low", "x_high"]], fit[["y_low", "y_high"]]
        axes.plot(*ends, color=look.colour, ls=_DASHES[fit["range"].split()[0]], lw=1.0, zorder=4, path_effects=halo)
        said.append(f"{fit['range']}: {_slope(fit)}")
    at = {"x": 0.97, "y": 0.03, "ha": "right"} if rising else {"x": 0.03, "y": 0.03, "ha": "left"}
    align = {"va": "bottom", "transform": axes.transAxes, "linespacing": 1.15}
    axes.text(s="\n".join(said), fontsize=_SMALL, path_effects=halo, zorder=5, **at, **align)


def _limits(values: pd.Series) -> tuple[float, float]:
    """The ends of a logarithmic axis: around the central 99 % of the values, and no wider than all of them."""
    logs = np.log10(values.to_numpy(dtype=float))
    if not len(logs):
        return 0.1, 10.0
    low, high = np.quantile(logs, [(1 - _INSIDE) / 2, (1 + _INSIDE) / 2])
    room = _ROOM * max(high - low, 0.1)
    return 10 ** max(low - room, logs.min() - room / 2), 10 ** min(high + room, logs.max() + room / 2)


def _mark_beyond(axes: Axes, points: np.ndarray, limits: np.ndarray, rising: bool) -> None:
    """A triangle at the edge for each point (n, 2) that lies beyond the limits (2, 2), and the number of these."""
    beyond = ((points < limits[:, 0]) | (points > limits[:, 1])).any(axis=1)
    for place, value in zip(points[beyond].clip(limits[:, 0], limits[:, 1]), points[beyond], strict=True):
        sides = {"<": value[0] < limits[0, 0], ">": value[0] > limits[0, 1], "v": value[1] < limits[1, 0]}
        marker = next((marker for marker, outside in sides.items() if outside), "^")
        axes.plot(*place, marker, ms=3, color="0.1", mew=0, clip_on=False, zorder=6)
    if beyond.any():
        at = {"x": 0.03, "ha": "left"} if rising else {"x": 0.97, "ha": "right"}
        axes.text(s=f"{beyond.sum()} beyond", y=0.97, va="top", fontsize=_SMALL, transform=axes.transAxes, **at)


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


def _slope(fit: pd.Series) -> str:
    if pd.isna(fit["slope"]):
        return f"no slope ({fit['points']:,} points)"
    interval = "" if pd.isna(fit["slope_low"]) else f"\n[{fit['slope_low']:.2f}, {fit['slope_high']:.2f}]"
    return with_minus(f"{fit['slope']:.2f}{interval}")
