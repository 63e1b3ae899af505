"""Draws the test error by the number of training examples and the keep probability (paper B, Fig. 8)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropscape.figures import style
from dropscape.figures.draw.heat import bar

_BAR = 0.05  # width of the colour bar to that of a map


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One map per experiment; arguments as tabled."""
    experiments, level = description["experiments"], description["level"]
    sentences = ["Colour: mean over seeds of the logarithm of the loss on the test examples at the end of training."]
    if level is not None:
        sentences.append(f"Dashed: as many examples as the target function has free parameters, {level:g}.")
    sentences.append("Grey: no seed has a defined value.")
    figure, axes = style.page(
        f"{description['place']}: test error by examples and keep probability",
        [1] * len(experiments) + [_BAR],
        2.3,
        0,
        style.footer(description, *sentences),
        apart=len(experiments),
    )
    low, high = summary["mean"].min(), summary["mean"].max()
    for panel, experiment in zip(axes, experiments, strict=False):
        own = summary[summary["experiment"] == experiment["name"]]
        cells = own.pivot_table(index="keep_prob", columns="train_examples", values="mean", dropna=False)
        cells = cells.sort_index(ascending=False)
        field = panel.imshow(
            np.ma.masked_invalid(cells.to_numpy()), cmap="cividis", vmin=low, vmax=high, aspect="auto",
            interpolation="nearest",
        )  # fmt: skip
        panel.set_facecolor("0.85")
        _ticks(panel, cells)
        if level is not None:
            counts = cells.columns.to_numpy()
            panel.axvline(np.interp(level, counts, np.arange(len(counts))), color="w", lw=1.1, ls="--")
        panel.set_title(f"{experiment['model']}, {experiment['dataset']}", loc="left", pad=4)
        panel.set_xlabel("number of training examples")
    axes[0].set_ylabel("keep probability p")
    bar(axes[-1], field, "mean log$_{10}$ test error")
    return figure


def _ticks(panel: Axes, cells: pd.DataFrame) -> None:
    """Every cell's own number, or so many of them as do not touch."""
    step = -(-len(cells.columns) // 12)
    panel.set_xticks(range(0, len(cells.columns), step), [f"{count:g}" for count in cells.columns[::step]])
    panel.set_yticks(range(len(cells)), [f"{keep_prob:g}" for keep_prob in cells.index])
    panel.tick_params(which="both", length=0)
