"""Draws the training loss along dropout and its stochastic modified equations (paper C, Fig. 1a and appendix C)."""

import pandas as pd

from dropscape.figures import methods, style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, batches
from dropscape.figures.trajectories.table import DIFFERENCE, LOSS

_COLUMNS = {1: 1, 2: 2, 4: 4}  # by the number of panels; otherwise three
_MEANING = (
    "SME: stochastic modified equation; $L_S$: modified loss. The loss is the risk $R_S$ without dropout; below it is "
    "the mean difference to dropout from the same start, with two standard errors, of trials that diverge with none."
)


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A panel of losses and below it one of differences per point (learning rate, keep probability)."""
    rows_of_runs = batches([rows for _, rows in summary.groupby("run", sort=False)], _columns(summary))
    titles = [text for runs in rows_of_runs for text in ([*map(methods.point_title, runs)], [""] * len(runs))]
    sentences = methods.sentences(page.description, summary, _MEANING)
    axes = page.grid("training loss of dropout and its modified equation", titles, sentences, 1.4, 1, sharing=0)
    for runs, above, below in zip(rows_of_runs, axes[::2], axes[1::2], strict=True):
        for rows, losses, differences in zip(runs, above, below, strict=True):
            shown = rows_where(rows, quantity=LOSS)
            methods.curves(losses, shown[shown["method"] != "dropout_again"])
            methods.curves(differences, rows_where(rows, quantity=DIFFERENCE), of_losses=False)
            differences.axhline(0, zorder=0, **style.GUIDE)
            differences.ticklabel_format(axis="y", scilimits=(-2, 2), useMathText=True)
            losses.set_xlabel("")
        above[0].set_ylabel("loss $R_S$")
        below[0].set_ylabel("loss minus dropout's")
    methods.legend(axes[-1][0], summary, page.description["diverged"])


def _columns(summary: pd.DataFrame) -> int:
    return _COLUMNS.get(summary["run"].nunique(), 3)
