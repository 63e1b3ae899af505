"""Draws flatness and test error of the minima of trainings on different objectives (paper B, section VII)."""

import pandas as pd

from dropscape.figures import curves, objectives, style
from dropscape.figures.content import rows_where
from dropscape.figures.minima_over_keep_prob.table import EIGENVALUE, ERROR, TRACE
from dropscape.figures.page import Page, legend_below

_LABELS = {
    TRACE: "Tr(H) [loss / parameter$^2$]",
    EIGENVALUE: r"$\lambda_{max}$ [loss / parameter$^2$]",
    ERROR: "test error [%]",
}


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A panel for each measure of flatness and one for the test error."""
    group = [objective for objective in objectives.LOOKS if objective in set(summary["objective"])]
    dashes = style.dashes_of(sorted(set(summary["learning_rate"]), reverse=True))  # from the largest learning rate
    sentences = [
        "H: the Hessian of $R_S$ in all parameters; its trace is the paper's flatness (section VII.B), small is flat.",
        *objectives.sentences_over_keep_prob(summary),
    ]
    axes = page.row("flatness and test error of the minima", [""] * 3, sentences, 2.2, len(group), sharing=1)
    for panel, (quantity, label) in zip(axes, _LABELS.items(), strict=True):
        rows = rows_where(summary, quantity=quantity)
        objectives.over_keep_prob(panel, curves.percent(rows) if quantity == ERROR else rows, group, dashes)
        panel.set_ylabel(label)
        if quantity != ERROR:
            panel.set_yscale("log")
            style.label_logarithmic(panel.yaxis)
    legend_below(axes[0], objectives.entries(group))
    legend_below(axes[1], objectives.rate_entries(dashes))
