"""Draws slices of the loss through end points of training with and without dropout (paper A, Fig. 1)."""

import math

import pandas as pd

from dropscape.figures import curves, names, style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per experiment."""
    titles = names.experiment_titles(page.description["experiments"])
    sentences = [
        r"The loss without dropout is taken at $\theta + \alpha d$ for random directions d, in which each filter is as "
        "long as the network's (a dense layer is one filter); biases, batch and layer norms stay as they are. Both "
        "networks have the same directions.",
        f"Lines: median over {page.description['directions']} directions and the seeds; shading: quartiles. "
        f"Claims judge a slice by its width where the loss has risen by {_rises(page)}.",
    ]
    if summary["test_accuracy"].notna().any():
        sentences.append("Percentages: test accuracy at the end of training.")
    title, row = "loss around the end points of training", list(titles.values())
    axes = page.row(title, row, sentences, 1.6, legend_rows=2, sharing=0)
    for panel, experiment in zip(axes, titles, strict=True):
        handles = []
        by_run = rows_where(summary, experiment=experiment).groupby(["run", "keep_prob"])
        for (_, keep_prob), rows in sorted(by_run, key=lambda item: -item[0][1]):
            look = style.WITHOUT_DROPOUT if keep_prob == 1 else style.WITH_DROPOUT
            curves.band(panel, rows.rename(columns={"median": "mean"}), look, x="alpha")
            accuracy = rows["test_accuracy"].iloc[0]
            percentage = "" if math.isnan(accuracy) else f" ({100 * accuracy:.1f} %)"
            handles.append(style.entry(look.label + percentage, look.colour))
        panel.set(xlabel=r"$\alpha$ [filter norms]", ylim=(0, None))
        legend_below(panel, handles)
    axes[0].set_ylabel("loss [nats]" if set(page.description["losses"]) == {"cross_entropy"} else "loss")


def _rises(page: Page) -> str:
    """The rises that end a slice's width, in the unit of the loss."""
    losses, rises = page.description["losses"], page.description["rises"]
    units = [" nats" if loss == "cross_entropy" else "" for loss in losses]
    return " or ".join(dict.fromkeys(f"{rise:g}{unit}" for rise, unit in zip(rises, units, strict=True)))
