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
from dropscape.figures.tables.distances import LARGEST, MEAN, SLOPES

_DOTTED = (0, (1, 1.5))
_KINDS = [
    Line2D([], [], color="0.3", marker="o", ms=3.2, mew=0, lw=0.9, label="largest of the neurons"),
    Line2D([], [], color="0.3", marker="o", ms=3.4, mfc="white", mew=0.7, lw=0.9, ls=_DOTTED, label="mean"),
    Line2D([], [], color="0.35", lw=0.7, label="slope \N{MINUS SIGN}1/2"),
]


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One panel per experiment; arguments as tabled."""
    experiments = [experiment["name"] for experiment in description["experiments"]]
    looks = shades(summary["keep_prob"], lambda keep_prob: f"keep {keep_prob:g}")
    moved = f"{description['projected']:,} neurons" if description["projected"] else "no neuron"
    figure, axes = style.page(
        f"{description['place']}: distance of the neurons from their initialisation",
        [1] * len(experiments),
        2.0,
        style.legend_room(len(looks) + len(_KINDS)),
        style.footer(
            description,
            "Distances $|w_{r,T}-w_{r,1}|$ at the last iterate. Points: geometric mean over seeds; bars: least to "
            "greatest. Legends: slopes over the widths, mean over seeds.",
            f"In {description['trainings']} trainings the max-norm projection moved {moved}; the largest norm of a "
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
            text = look.label + _slopes(rows.set_index("quantity"))
            handles.append(Line2D([], [], color=look.colour, marker=look.marker, ms=3.4, mew=0, label=text))
        panel.set_title(experiment, loc="left", pad=4)
        _axes(panel, own)
        style.legend_below(panel, [[*handles, *(_KINDS if panel is axes[0] else [])]])
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


def _slopes(rows: pd.DataFrame) -> str:
    """Such as ``: largest -0.41, mean -0.50``; empty where there are too few widths."""
    largest, mean = (rows.loc[name] for name in SLOPES.values())
    if not largest["seeds"]:
        return ""
    return f": largest {largest['mean']:.2f}, mean {mean['mean']:.2f}".replace("-", "\N{MINUS SIGN}")
