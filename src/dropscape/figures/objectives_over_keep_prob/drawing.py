"""Draws what trainings on different objectives reach at each keep probability (paper B, Fig. 2 and Fig. 13)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures import curves, objectives, style
from dropscape.figures.content import rows_where
from dropscape.figures.objectives_over_keep_prob.table import ACCURACY, R1, RISK
from dropscape.figures.page import Page, legend_below

_DOTTED = (0, (1, 1))


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A panel of test accuracies per group of objectives; with one group R_S and R_1 beside it."""
    reached = set(summary["objective"])
    groups = [[objective for objective in group if objective in reached] for group in page.description["groups"]]
    with_terms = len(groups) == 1
    dashes = style.dashes_of(sorted(summary["learning_rate"], reverse=True))  # from the largest learning rate
    sentences = objectives.sentences_over_keep_prob(summary)
    if with_terms:
        sentences.append("$R_1$ is computed from the parameters with the p of each run (paper B, eq. 4).")
    title, legend_rows = "objectives at each keep probability", max(map(len, groups))
    titles = [""] * (len(groups) + with_terms)
    axes = page.row(title, titles, sentences, 2.2, legend_rows, len(groups))
    accuracy = curves.percent(rows_where(summary, quantity=ACCURACY))
    rates = objectives.rate_entries(dashes)
    for panel, group in zip(axes, groups, strict=False):
        objectives.over_keep_prob(panel, accuracy, group, dashes)
        legend_below(panel, objectives.entries(group), rates)
    axes[0].set_ylabel("test accuracy [%]")
    if with_terms:
        _terms(axes[-1], summary, groups[0], dashes)


def _terms(panel: Axes, summary: pd.DataFrame, group: Sequence[str], dashes: Mapping[float, Any]) -> None:
    """R_S with filled markers, R_1, where there is any, with hollow ones, on a logarithmic axis."""
    objectives.over_keep_prob(panel, rows_where(summary, quantity=RISK), group, dashes, hollow=False)
    r1 = rows_where(summary, quantity=R1)
    objectives.over_keep_prob(panel, r1[r1["mean"] > 0], group, dict.fromkeys(dashes, _DOTTED), hollow=True)
    panel.set_yscale("log")
    style.label_logarithmic(panel.yaxis)
    panel.set_ylabel("$R_S$, $R_1$ at the end of training", labelpad=1)
    loss = style.entry("$R_S$", lw=0.9, **style.marker("o"))
    term = style.entry("$R_1$", dashes=_DOTTED, lw=0.9, **style.marker("o", hollow=True))
    legend_below(panel, objectives.entries(group), [loss, term])
