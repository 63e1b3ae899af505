"""Draws test accuracies with and without dropout beside the paper's (paper B, Table I)."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style

# Paper A, Fig. 1 and paper B, Table I: test accuracy in percent with and without dropout.
PAPER = {"fnn": (98.7, 98.1), "vgg9": (60.6, 59.2), "resnet20": (54.7, 34.1), "transformer": (49.3, 34.7)}


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One row of points per experiment, ours filled, the paper's hollow; arguments as tabled."""
    experiments = description["experiments"]
    figure, (axes,) = style.page(
        f"{description['place']}: test accuracy with and without dropout",
        [1],
        0.35 * len(experiments),
        style.legend_room(2),
        style.footer(
            description,
            "Points: mean over seeds; bars: least to greatest over seeds. Transformer: accuracy of single words given "
            "those before, padding excluded.",
        ),
    )
    looks = (style.WITH_DROPOUT, style.WITHOUT_DROPOUT)
    for place, experiment in enumerate(experiments):
        own = summary[summary["experiment"] == experiment["name"]]
        for row in own.itertuples():
            look = looks[row.keep_prob == 1]
            height = place + (0.12 if row.keep_prob == 1 else -0.12)
            axes.plot([100 * row.low, 100 * row.high], [height] * 2, color=look.colour, lw=1)
            axes.plot(100 * row.mean, height, "o", color=look.colour, ms=4)
            bleu = "" if math.isnan(row.bleu) else f" (BLEU {row.bleu:.1f})"
            text, place_of_text = f"{100 * row.mean:.1f}{bleu}", (100 * row.high, height)
            axes.annotate(text, place_of_text, (4, 0), textcoords="offset points", va="center", fontsize=5.7)
        for look, accuracy, height in zip(looks, PAPER.get(experiment["model"], ()), (-0.12, 0.12), strict=False):
            axes.plot(accuracy, place + height, "o", color=look.colour, mfc="none", ms=4, mew=0.8)
    names = [f"{experiment['model']}\n{experiment['dataset']}" for experiment in experiments]
    axes.set_yticks(range(len(experiments)), names, fontsize=5.4)
    axes.set_ylim(len(experiments) - 0.5, -0.5)
    axes.set_xlim(0, 105)
    axes.set_xlabel("test accuracy [%]")
    axes.tick_params(which="both", direction="in")
    entries = [Line2D([], [], ls="", marker="o", color=look.colour, label=look.label) for look in looks]
    kinds = [
        Line2D([], [], ls="", marker="o", color="0.3", label="ours"),
        Line2D([], [], ls="", marker="o", color="0.3", mfc="none", label="the paper's"),
    ]
    style.legend_below(axes, [entries, kinds])
    return figure
