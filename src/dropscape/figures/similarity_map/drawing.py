"""Draws cosines between the input weights of a layer's neurons (paper B, Fig. 7a, b)."""

import numpy as np
import pandas as pd

from dropscape.figures import maps, names, objectives
from dropscape.figures.page import Page


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One map per run and layer."""
    looks, several_layers = objectives.run_looks(summary), len(set(points["layer"])) > 1
    by_map = points.groupby(["experiment", "run", "layer"], sort=False)
    shown = sorted(by_map, key=lambda item: list(looks).index(item[0][:2]))
    shares = summary.set_index(["experiment", "run", "layer"])["parallel"]
    titles = []
    for (experiment, run, layer), _ in shown:
        share = shares[experiment, run, layer]
        layer_title = f", {names.layer_title(layer)}" if several_layers else ""
        parallel = "" if np.isnan(share) else f": {100 * share:.0f} % parallel"
        titles.append(looks[experiment, run].label + layer_title + parallel)
    sentences = [
        "Colour: cosine between the input weights (with their bias) of the neurons of largest amplitude at the end of "
        "training, first seed; similar neurons are placed beside each other.",
        f"Two neurons are parallel if the modulus of their cosine is above {page.description['threshold']:g}.",
    ]
    height = min(3.2, 5.6 / len(shown)) if shown else 3.2  # a map is square
    axes = maps.row_of_maps(page, "cosine similarity of neurons", titles, sentences, height)
    for panel, (_, rows) in zip(axes, shown, strict=False):
        cells = rows.pivot_table(index="row", columns="column", values="cosine", dropna=False)
        field = maps.draw_map(panel, cells, cmap="RdBu_r", vmin=-1, vmax=1)
        panel.set(box_aspect=1, xlabel="neuron")
    axes[0].set_ylabel("neuron")
    if shown:
        maps.colour_bar(axes[-1], field, "cosine")
