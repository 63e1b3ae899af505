"""Draws test accuracies with and without dropout beside the paper's (paper B, Table I)."""

import math
import textwrap

import pandas as pd

from dropscape.figures import names, style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

# Paper A, Fig. 1 and paper B, Table I: test accuracy in percent with and without dropout.
PAPER = {"fnn": (98.7, 98.1), "vgg9": (60.6, 59.2), "resnet20": (54.7, 34.1), "transformer": (49.3, 34.7)}
_LOOKS = (style.WITH_DROPOUT, style.WITHOUT_DROPOUT)
_NAMES = 1.4  # inches, room for the names of networks
_NUMBER = 10  # percent, a little more than the width of an accuracy in text


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A row per experiment, measured accuracies filled and the paper's hollow."""
    experiments = page.description["experiments"]
    sentences = [
        "Filled points: mean over seeds, measured here; bars: min to max over seeds. Hollow points: the paper's "
        "accuracies. A transformer's accuracy is that of single words given those before, without padding."
    ]
    height = 0.35 * len(experiments)
    (axes,) = page.row("test accuracy with and without dropout", [""], sentences, height, legend_rows=2, left=_NAMES)
    for position, experiment in enumerate(experiments):
        papers = PAPER.get(experiment["model"], (math.nan, math.nan))
        rows = rows_where(summary, experiment=experiment["name"])
        for look, paper, y in zip(_LOOKS, papers, (position - 0.12, position + 0.12), strict=True):
            axes.plot(paper, y, "o", color=look.colour, mfc="none", ms=4, mew=0.8)
            for row in rows[(rows["keep_prob"] == 1) == (look is style.WITHOUT_DROPOUT)].itertuples():
                axes.plot([100 * row.low, 100 * row.high], [y, y], color=look.colour, lw=1)
                axes.plot(100 * row.mean, y, "o", color=look.colour, ms=4)
                text = f"{100 * row.mean:.1f}" + ("" if math.isnan(row.bleu) else f" (BLEU {row.bleu:.1f})")
                # The number is at the right, or at the left where it would lie on the paper's point.
                at_left = 0 < paper - 100 * row.high < _NUMBER
                end, offset, side = (row.low, -4, "right") if at_left else (row.high, 4, "left")
                beside = {"xytext": (offset, 0), "textcoords": "offset points", "ha": side, "va": "center"}
                axes.annotate(text, (100 * end, y), fontsize=5.7, **beside)
    labels = [textwrap.fill(name, 26) for name in names.experiment_titles(experiments).values()]
    axes.set_yticks(range(len(experiments)), labels, fontsize=5.7)
    axes.set(ylim=(len(experiments) - 0.5, -0.5), xlim=(0, 105), xlabel="test accuracy [%]")
    kinds = [style.entry("measured here", dashes="", marker="o")]
    kinds += [style.entry("in the paper", dashes="", marker="o", mfc="none")]
    legend_below(axes, [style.entry(look.label, look.colour, "", marker="o") for look in _LOOKS], kinds)
