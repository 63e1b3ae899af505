"""Draws slices of the loss through end points of training with and without dropout (paper A, Fig. 1)."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One panel per experiment; arguments as tabled."""
    experiments = description["experiments"]
    figure, axes = style.page(
        f"{description['place']}: loss around the end points of training",
        [1] * len(experiments),
        1.6,
        style.legend_room(2),
        style.footer(
            description,
            "Loss without dropout at θ + alpha d for random directions d, each filter of d as long as the network's "
            "(a dense layer is one filter); both networks in the same directions.",
            f"Lines: median; bands: quartiles over {description['directions']} directions and the seeds.",
            *(["Percentages: test accuracy at the end of training."] if summary["test_accuracy"].notna().any() else []),
        ),
        apart=len(experiments) - 1,
    )
    for panel, experiment in zip(axes, experiments, strict=True):
        own = summary[summary["experiment"] == experiment["name"]]
        handles = []
        for (_, keep_prob), rows in sorted(own.groupby(["run", "keep_prob"]), key=lambda item: -item[0][1]):
            look = style.WITHOUT_DROPOUT if keep_prob == 1 else style.WITH_DROPOUT
            rows = rows.sort_values("alpha")
            panel.fill_between(rows["alpha"], rows["low"], rows["high"], color=look.colour, alpha=0.18, lw=0)
            panel.plot(rows["alpha"], rows["median"], color=look.colour, lw=1.1)
            accuracy = rows["test_accuracy"].iloc[0]
            shown = "" if math.isnan(accuracy) else f" ({100 * accuracy:.1f} %)"
            handles.append(Line2D([], [], color=look.colour, label=look.label + shown))
        panel.set_title(f"{experiment['model']}, {experiment['dataset']}", loc="left", pad=4)
        panel.set_xlabel(r"$\alpha$ [filter norms]")
        panel.set_ylim(bottom=0)
        panel.tick_params(which="both", direction="in")
        style.legend_below(panel, [handles])
    axes[0].set_ylabel("loss [nats]" if set(description["losses"]) == {"cross_entropy"} else "loss")
    return figure
