"""Draws the share of neurons of different orientation along training (paper B, Fig. 7c)."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.curves import band, steps_axis
from dropscape.figures.draw.objectives import run_looks
from dropscape.figures.tables.effective_ratios import SIGNED

_DASHES = ["-", (0, (3, 1.4)), (0, (1, 1.2)), (0, (4, 1, 1, 1))]  # layers in their order


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One curve per run and layer; arguments as tabled."""
    looks, shown = run_looks(summary), summary[summary["quantity"] == SIGNED]
    layers = list(dict.fromkeys(shown["layer"]))
    dashes = dict(zip(layers, _DASHES * len(layers), strict=False))
    figure, (axes,) = style.page(
        f"{description['place']}: effective ratio along training",
        [1],
        2.3,
        style.legend_room(max(len(set(looks.values())), len(layers))),
        style.footer(
            description,
            "Effective ratio: number of orientations that are needed so that every neuron (filter) of the layer has "
            f"one with a cosine above {description['threshold']:g}, over the number of neurons.",
            "Lines: mean over seeds; bands: least to greatest over seeds.",
        ),
    )
    for (experiment, run), look in looks.items():
        own = shown[(shown["experiment"] == experiment) & (shown["run"] == run)]
        for layer, rows in own.groupby("layer", sort=False):
            band(axes, rows, look, dashes[layer])
    steps_axis(axes, shown["step"].max(), "training step")
    highest = shown["high"].max()
    axes.set_ylim(0, 1.02 * highest if math.isfinite(highest) and highest > 0 else 1)
    axes.set_ylabel("effective ratio")
    runs = [Line2D([], [], color=look.colour, label=look.label) for look in dict.fromkeys(looks.values())]
    lines = [Line2D([], [], color="0.3", ls=dashes[layer], label=layer) for layer in layers]
    style.legend_below(axes, [runs, lines])
    return figure
