"""Draws Tr(H Sigma) against Tr(H Sigma-bar) along training (paper A, Fig. 4)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.curves import band, steps_axis
from dropscape.figures.tables.alignment_trace import ISOTROPIC, SIGMA

_DASHES = {SIGMA: "-", ISOTROPIC: (0, (1, 1.2))}
_SYMBOLS = {SIGMA: r"Tr$(H\Sigma)$", ISOTROPIC: r"Tr$(H\bar{\Sigma})$"}


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """A panel for each learning rate, a colour for each keep probability; arguments as tabled."""
    looks = style.looks(summary)
    rates = sorted(summary["learning_rate"].unique())
    figure, axes = style.page(
        f"{description['place']}: Hessian and noise covariance along training without dropout",
        [1] * len(rates),
        2.3,
        style.legend_room(max(2, summary.groupby("learning_rate")["keep_prob"].nunique().max())),
        style.footer(
            description,
            "H: Hessian of the dropout-free loss at each recorded step of a training without dropout. Σ: covariance of "
            "the gradients when dropout with the given keep probability is added tentatively. Dotted: isotropic noise "
            "of the same trace.",
            "Lines: geometric mean over seeds; bands: least to greatest over seeds.",
        ),
    )
    for panel, rate in zip(axes, rates, strict=True):
        panel.set_yscale("log")
        rows = summary[summary["learning_rate"] == rate]
        for (run, keep_prob), look in looks.items():
            own = rows[(rows["run"] == run) & (rows["keep_prob"] == keep_prob)]
            for quantity, dashes in _DASHES.items():
                band(panel, own[own["quantity"] == quantity], look, dashes)
        panel.set_title(f"learning rate {rate:g}", loc="left", pad=4)
        steps_axis(panel, summary["step"].max())
        present = set(rows["run"])
        colours = [
            Line2D([], [], color=look.colour, label=look.label) for (run, _), look in looks.items() if run in present
        ]
        lines = [Line2D([], [], color="0.3", ls=_DASHES[key], label=_SYMBOLS[key]) for key in _DASHES]
        style.legend_below(panel, [colours, lines])
    axes[0].set_ylabel(r"Tr$(H\Sigma)$, Tr$(H\bar{\Sigma})$ [loss$^3$ / parameter$^4$]")
    return figure
