"""Draws where different noises lead: flatness, loss and accuracy at the end of training (paper C, appendix D)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from dropscape.figures import style
from dropscape.figures.draw.methods import inputs_sentence
from dropscape.figures.draw.scatter import label_two_and_five
from dropscape.figures.tables.noises import ACCURACY, LOSS, TRACE

NAMES = {"descent": "none", "dropout": "dropout", "sgd": "batches\n(SGD)", "parameter_noise": "on the\nparameters"}
_COLOURS = dict(zip(NAMES, ("0.2", style.PALETTE[1], style.PALETTE[0], style.PALETTE[2]), strict=True))
_LABELS = {
    TRACE: "Tr H [loss / parameter$^2$]",
    LOSS: "training loss $R_S$",
    ACCURACY: "test accuracy [%]",
}
_SPREAD = 0.16  # half the width over which the trials of a method stand apart


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """One panel per quantity, one column per noise; arguments as tabled."""
    shown = [method for method in NAMES if method in set(summary["method"])]
    counts = sorted({int(count) for count in summary["trials"] + summary["undefined"]})
    figure, (axes,) = style.grid(
        f"{description['place']}: where training with different noise ends",
        len(_LABELS),
        1,
        1.8,
        0.1,
        style.footer(
            description,
            inputs_sentence(description),
            f"{' or '.join(map(str, counts))} trials of each noise, which share their starts. H: Hessian of the risk "
            "$R_S$ without noise, at the end of training; its trace is small where the minimum is flat.",
            "Dots: trials; lines: their mean (geometric on logarithmic axes).",
        ),
    )
    for panel, (quantity, label) in zip(axes, _LABELS.items(), strict=True):
        factor = 100 if quantity == ACCURACY else 1
        for place, method in enumerate(shown):
            trials, mean = (
                table[(table["method"] == method) & (table["quantity"] == quantity)] for table in (points, summary)
            )
            heights = factor * trials["value"].where(trials["reason"].isna() | (trials["reason"] == "")).dropna()
            apart = [place + _SPREAD * (2 * (index + 0.5) / len(heights) - 1) for index in range(len(heights))]
            panel.plot(apart, heights, "o", color=_COLOURS[method], ms=3, mew=0, alpha=0.6)
            panel.hlines(factor * mean["mean"], place - 0.3, place + 0.3, color=_COLOURS[method], lw=1.4)
        panel.set_xticks(range(len(shown)), [NAMES[method] for method in shown], fontsize=5.7)
        panel.set_xlim(-0.6, len(shown) - 0.4)
        panel.set_ylabel(label, labelpad=1)
        panel.set_xlabel("noise")
        panel.tick_params(which="both", direction="in")
        panel.tick_params(axis="x", length=0)
        if quantity != ACCURACY:
            panel.set_yscale("log")
            _label(panel.yaxis)
    return figure


def _label(axis: Axis) -> None:
    """Ticks of a logarithmic axis; evenly spaced where it is so short that it may hold neither a 2 nor a 5."""
    low, high = axis.get_view_interval()
    if high > 5 * low:
        label_two_and_five(axis)
        return
    axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())
