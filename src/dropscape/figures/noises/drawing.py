"""Draws flatness, loss and accuracy at the end of trainings with different noise (paper C, appendix D)."""

import pandas as pd

from dropscape.figures import methods, style
from dropscape.figures.content import rows_where
from dropscape.figures.noises.table import ACCURACY, LOSS, TRACE
from dropscape.figures.page import Page

NAMES = {"descent": "none", "dropout": "dropout", "sgd": "batches\n(SGD)", "parameter_noise": "on the\nparameters"}
_COLOURS = dict(zip(NAMES, ("0.2", style.PALETTE[1], style.PALETTE[0], style.PALETTE[2]), strict=True))
_LABELS = {TRACE: "Tr H [loss / parameter$^2$]", LOSS: "training loss $R_S$", ACCURACY: "test accuracy [%]"}
_SPREAD = 0.32  # width over which the trials of a method are spread


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per quantity, one column per noise."""
    shown = [method for method in NAMES if method in set(summary["method"])]
    sentences = [
        methods.inputs_sentence(page.description),
        "H is the Hessian of the risk $R_S$ without noise at the end of training; its trace is small where the minimum "
        "is flat.",
        f"Dots: {methods.trials_of(summary)} trials of each noise, with the same initial parameters for all; lines: "
        "their mean (geometric on logarithmic axes).",
    ]
    title, titles = "where training with different noise ends", [""] * len(_LABELS)
    axes = page.row(title, titles, sentences, 1.8, legend_rows=1, sharing=0)
    for panel, (quantity, label) in zip(axes, _LABELS.items(), strict=True):
        factor = 100 if quantity == ACCURACY else 1
        for position, method in enumerate(shown):
            trials, mean = (rows_where(table, method=method, quantity=quantity) for table in (points, summary))
            heights = factor * trials.loc[trials["reason"].isna(), "value"]
            spread = [position + _SPREAD * ((index + 0.5) / len(heights) - 0.5) for index in range(len(heights))]
            panel.plot(spread, heights, "o", color=_COLOURS[method], ms=3, mew=0, alpha=0.6)
            panel.hlines(factor * mean["mean"], position - 0.3, position + 0.3, color=_COLOURS[method], lw=1.4)
        panel.set_xticks(range(len(shown)), [NAMES[method] for method in shown], fontsize=5.7)
        panel.set(xlim=(-0.6, len(shown) - 0.4), xlabel="noise")
        panel.set_ylabel(label, labelpad=1)
        panel.tick_params(axis="x", length=0)
        if quantity != ACCURACY:
            panel.set_yscale("log")
            style.label_logarithmic(panel.yaxis)
