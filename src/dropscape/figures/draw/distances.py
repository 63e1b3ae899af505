"""Draws how far neurons move from their initialisation, by the width of the network (paper D, Lemma 5.2)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.curves import with_bars
from dropscape.figures.draw.scatter import label_two_and_five
from dropscape.figures.draw.shades import shades
from dropscape.figures.tables.distances import LARGEST, MEAN, SLOPE

_DOTTED = (0, (1, 1.5))


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One panel per experiment; arguments as tabled."""
    experiments = [experiment["name"] for experiment in description["experiments"]]
    looks = shades(summary["keep_prob"], lambda keep_prob: f"keep probability {keep_prob:g}")
    moved = f"{description['projected']:,} times" if description["projected"] else "never"
    figure, axes = style.page(
        f"{description['place']}: distance of the neurons from their initialisation",
        [1] * len(experiments),
        2.0,
        style.legend_room(max(len(looks), 3)),
        style.footer(
            description,
            "Distances $|w_{r,T}-w_{r,1}|$ at the last iterate. Points: geometric mean over seeds; bars: least to "
            "greatest over seeds; slopes: of the largest, mean and range over seeds.",
            f"In {description['trainings']} trainings the max-norm projection acted {moved}; the largest norm of a "
            f"neuron was {description['norm_over_bound']:.2g} of its bound c.",
        ),
        apart=len(experiments) - 1,
    )
    for panel, experiment in zip(axes, experiments, strict=True):
        own = summary[summary["experiment"] == experiment]
        handles = []
        for keep_prob, rows in own.groupby("keep_prob"):
            look = looks[keep_prob]
            for quantity, dashes in ((LARGEST, "-"), (MEAN, _DOTTED)):
                with_bars(panel, rows[rows["quantity"] == quantity], look, dashes, "width", hollow=quantity == MEAN)
            slope = rows[rows["quantity"] == SLOPE].iloc[0]
            handles.append(
                Line2D([], [], color=look.colour, marker=look.marker, ms=3.4, mew=0, label=look.label + _slope(slope))
            )
        panel.set_title(experiment, loc="left", pad=4)
        _axes(panel, own)
        style.legend_below(panel, [handles, _kinds()])
    axes[0].set_ylabel("distance at the last iterate")
    return figure


def _axes(panel: Axes, rows: pd.DataFrame) -> None:
    """Logarithmic axes and a line of slope -1/2 above the largest distances."""
    panel.set_xlabel("width $m$")
    panel.tick_params(which="both", direction="in")
    panel.set_xscale("log")
    label_two_and_five(panel.xaxis)
    largest = rows[rows["quantity"] == LARGEST]
    if not largest["mean"].gt(0).any():
        return
    panel.set_yscale("log")
    label_two_and_five(panel.yaxis)
    widths = np.array([largest["width"].min(), largest["width"].max()])
    start = largest.loc[largest["width"] == widths[0], "mean"].max()
    panel.plot(widths, 1.4 * start * (widths / widths[0]) ** -0.5, color="0.35", lw=0.7)


def _kinds() -> list[Line2D]:
    return [
        Line2D([], [], color="0.3", marker="o", ms=3.2, mew=0, lw=0.9, label="largest"),
        Line2D([], [], color="0.3", marker="o", ms=3.4, mfc="white", mew=0.7, lw=0.9, ls=_DOTTED, label="mean"),
        Line2D([], [], color="0.35", lw=0.7, label="slope \N{MINUS SIGN}1/2"),
    ]


def _slope(row: pd.Series) -> str:
    if not row["seeds"]:
        return ""
    mean, low, high = (f"{row[key]:.2f}".replace("-", "\N{MINUS SIGN}") for key in ("mean", "low", "high"))
    return f": slope {mean} ({low} to {high})"
