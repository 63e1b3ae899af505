"""Draws Tr(H Sigma) against Tr(H Sigma-bar) along training (paper A, Fig. 4)."""

import pandas as pd

from dropscape.figures import curves, style
from dropscape.figures.alignment_trace.table import ISOTROPIC, SIGMA
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

_DASHES = {SIGMA: "-", ISOTROPIC: (0, (1, 1.2))}
_SYMBOLS = {SIGMA: r"Tr$(H\Sigma)$", ISOTROPIC: r"Tr$(H\bar{\Sigma})$"}


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A panel for each learning rate, a colour for each keep probability."""
    looks, by_rate = style.looks(summary), dict(list(summary.groupby("learning_rate")))
    sentences = [
        "H is the Hessian of the dropout-free loss at each recorded step of a training without dropout, Σ the "
        "covariance of the gradients when dropout with the given keep probability is added tentatively. The dotted "
        "lines are for isotropic noise of the same trace.",
        curves.GEOMETRIC_RANGE,
    ]
    titles = [f"learning rate {rate:g}" for rate in by_rate]
    legend_rows = max(2, *(rows["keep_prob"].nunique() for rows in by_rate.values()))
    axes = page.row("Hessian and noise covariance along training without dropout", titles, sentences, 2.3, legend_rows)
    for panel, rows in zip(axes, by_rate.values(), strict=True):
        panel.set_yscale("log")
        shown = {key: look for key, look in looks.items() if key[0] in set(rows["run"])}
        for (run, keep_prob), look in shown.items():
            for quantity, dashes in _DASHES.items():
                curves.band(panel, rows_where(rows, run=run, keep_prob=keep_prob, quantity=quantity), look, dashes)
        curves.steps_axis(panel, summary["step"].max(), curves.EPOCHS)
        lines = [style.entry(symbol, dashes=_DASHES[quantity]) for quantity, symbol in _SYMBOLS.items()]
        legend_below(panel, style.entries(shown.values()), lines)
    axes[0].set_ylabel(r"Tr$(H\Sigma)$, Tr$(H\bar{\Sigma})$ [loss$^3$ / parameter$^4$]")
