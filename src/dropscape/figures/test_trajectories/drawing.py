"""Draws test loss and accuracy along dropout, its equations and descent on the modified loss (paper C, Fig. 2)."""

import pandas as pd

from dropscape.figures import curves, methods
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page
from dropscape.figures.test_trajectories.table import ACCURACY, LOSS

_MEANING = (
    "SME: stochastic modified equation; $L_S$: modified loss. Loss and accuracy are those on the test examples without "
    "dropout."
)


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A row of loss and accuracy per point (learning rate, keep probability)."""
    by_run = [rows for _, rows in summary.groupby("run", sort=False)]
    titles = [[methods.point_title(rows), ""] for rows in by_run]
    sentences = methods.sentences(page.description, summary, _MEANING)
    axes = page.grid("test loss and accuracy", titles, sentences, 1.8, legend_rows=1, sharing=0)
    for (left, right), rows in zip(axes, by_run, strict=True):
        methods.curves(left, rows_where(rows, quantity=LOSS))
        methods.curves(right, curves.percent(rows_where(rows, quantity=ACCURACY)), of_losses=False)
        left.set_ylabel("test loss")
        right.set_ylabel("test accuracy [%]")
    methods.legend(axes[-1][0], summary, page.description["diverged"])
