"""Draws cosines between the input weights of a layer's neurons (paper B, Fig. 7a, b)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dropscape.figures import style
from dropscape.figures.draw.heat import bar
from dropscape.figures.draw.objectives import run_looks

_BAR = 0.05  # width of the colour bar to that of a map


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One map per run and layer; arguments as tabled."""
    looks = run_looks(summary)
    by_map = dict(list(points.groupby(["experiment", "run", "layer"], sort=False)))
    maps = sorted(by_map.items(), key=lambda item: list(looks).index(item[0][:2]))
    shares = summary.set_index(["experiment", "run", "layer"])["parallel"]
    figure, axes = style.page(
        f"{description['place']}: cosine similarity of neurons",
        [1] * len(maps) + [_BAR],
        2.6 if len(maps) > 1 else 3.2,
        0,
        style.footer(
            description,
            "Cosines between the input weights (with their bias) of the neurons of largest amplitude at the end of "
            "training, first seed, ordered so that similar ones stand together.",
            f"Parallel: |cosine| above {description['threshold']:g}.",
        ),
        apart=len(maps),
    )
    layers = points["layer"].nunique()
    for panel, ((experiment, run, layer), rows) in zip(axes, maps, strict=False):
        matrix = rows.pivot_table(index="row", columns="column", values="cosine", dropna=False).to_numpy()
        field = panel.imshow(np.ma.masked_invalid(matrix), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        panel.set_box_aspect(1)
        label = looks[experiment, run].label + (f", {layer}" if layers > 1 else "")
        share = shares[experiment, run, layer]
        parallel = "" if np.isnan(share) else f": {100 * share:.0f} % parallel"
        panel.set_title(label + parallel, loc="left", pad=4)
        panel.set_xlabel("neuron")
        panel.tick_params(which="both", direction="in")
    axes[0].set_ylabel("neuron")
    if maps:
        bar(axes[-1], field, "cosine")
    return figure
