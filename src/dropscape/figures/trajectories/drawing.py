"""Draws the training loss along dropout and its stochastic modified equations (paper C, Fig. 1a and appendix C)."""

from itertools import chain

import pandas as pd

from dropscape.figures import methods
from dropscape.figures.page import Page, batches

_COLUMNS = {1: 1, 2: 2, 4: 4}  # by the number of panels; otherwise three
_MEANING = "SME: stochastic modified equation. The loss is the risk $R_S$ without dropout."


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per point (learning rate, keep probability)."""
    by_run = [rows for _, rows in summary.groupby("run", sort=False)]
    title = "training loss of dropout and its modified equation"
    titles = batches([methods.point_title(rows) for rows in by_run], _COLUMNS.get(len(by_run), 3))
    sentences = methods.sentences(page.description, summary, _MEANING)
    axes = page.grid(title, titles, sentences, 1.6, legend_rows=1, sharing=0)
    for panel, rows in zip(chain.from_iterable(axes), by_run, strict=True):
        methods.curves(panel, rows)
    for row in axes:
        row[0].set_ylabel("loss $R_S$")
    methods.legend(axes[-1][0], summary, page.description["diverged"])
