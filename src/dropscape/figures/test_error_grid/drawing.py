"""Draws the test error by the number of training examples and the keep probability (paper B, Fig. 8)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures import maps, names
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page

_LINES = -1.0  # in place of a keep probability, below all of them


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One map per experiment."""
    titles, level = names.experiment_titles(page.description["experiments"]), page.description["level"]
    sentences = [
        "Colour: mean over seeds of the logarithm of the mean squared error on the test examples at the end of "
        "training, over the variance of their targets (0: as bad as their mean); grey where no seed has a defined "
        "value. Lowest row: straight lines between the training points, level beyond the outermost, without a network."
    ]
    if level is not None:
        sentences.append(f"Dashed line: as many examples as the target function has free parameters, {level:g}.")
    axes = maps.row_of_maps(page, "test error by examples and keep probability", list(titles.values()), sentences, 2.3)
    low, high = summary["mean"].min(), summary["mean"].max()
    for panel, experiment in zip(axes, titles, strict=False):
        cells = rows_where(summary, experiment=experiment)
        cells = cells.fillna({"keep_prob": _LINES})
        cells = cells.pivot_table(index="keep_prob", columns="train_examples", values="mean", dropna=False)
        cells = cells.sort_index(ascending=False)
        field = maps.draw_map(panel, cells, cmap="cividis", vmin=low, vmax=high, aspect="auto")
        _ticks(panel, cells)
        if level is not None:
            counts = cells.columns.to_numpy()
            panel.axvline(np.interp(level, counts, np.arange(len(counts))), color="w", lw=1.1, ls="--")
        panel.set(facecolor="0.85", xlabel="number of training examples")
    axes[0].set_ylabel("keep probability p")
    maps.colour_bar(axes[-1], field, "mean log$_{10}$ test error / variance")


def _ticks(panel: Axes, cells: pd.DataFrame) -> None:
    """The number of every cell, or of so many cells as the numbers do not touch."""
    step = -(-len(cells.columns) // 12)
    panel.set_xticks(range(0, len(cells.columns), step), [f"{count:g}" for count in cells.columns[::step]])
    labels = ["lines" if keep_prob == _LINES else f"{keep_prob:g}" for keep_prob in cells.index]
    panel.set_yticks(range(len(cells)), labels)
    panel.axhline(len(cells) - 1.5, color="w", lw=1.5)
    panel.tick_params(which="both", length=0)
