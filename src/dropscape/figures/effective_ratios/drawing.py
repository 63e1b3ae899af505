"""Draws the share of neurons of different orientation along training (paper B, Fig. 7c)."""

import math

import pandas as pd

from dropscape.figures import curves, names, objectives, style
from dropscape.figures.content import rows_where
from dropscape.figures.effective_ratios.table import SIGNED
from dropscape.figures.page import Page, legend_below


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One curve per run and layer."""
    looks, shown = objectives.run_looks(summary), rows_where(summary, quantity=SIGNED)
    dashes, distinct = style.dashes_of(shown["layer"]), dict.fromkeys(looks.values())
    sentences = [
        "The effective ratio is the number of orientations that are needed so that every neuron (filter) of the layer, "
        f"but for dead ones, has one with a cosine above {page.description['threshold']:g}, over the number of all.",
        curves.RANGE,
    ]
    title, legend_rows = "effective ratio along training", max(len(distinct), len(dashes))
    (axes,) = page.row(title, [""], sentences, 2.3, legend_rows)
    for (experiment, run), look in looks.items():
        for layer, rows in rows_where(shown, experiment=experiment, run=run).groupby("layer", sort=False):
            curves.band(axes, rows, look, dashes[layer])
    curves.steps_axis(axes, shown["step"].max())
    highest = shown["high"].max()
    axes.set(ylim=(0, 1.02 * highest if math.isfinite(highest) and highest > 0 else 1), ylabel="effective ratio")
    layers = [style.entry(names.layer_title(layer), dashes=dash) for layer, dash in dashes.items()]
    legend_below(axes, style.entries(distinct), layers)
