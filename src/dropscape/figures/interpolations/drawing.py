"""Draws the loss between the end points of trainings on two objectives (paper B, Fig. 14)."""

from itertools import chain

import pandas as pd

from dropscape.figures import curves, style
from dropscape.figures.objectives import SYMBOLS
from dropscape.figures.page import Page, batches, legend_below

_COLUMNS = {1: 1, 2: 2, 4: 2}  # by the number of panels; otherwise three
_LEGEND_ROWS = 2


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per pair of objectives, one curve per keep probability."""
    pairs = dict(list(summary.groupby(["first_objective", "second_objective"], sort=False)))
    sentences = [
        r"The loss is $R_S$ without dropout at $(1-\alpha)\,\theta_{first} + \alpha\,\theta_{second}$: for $L_i$ & "
        r"$L_j$ the training on $L_i$ ends at $\alpha = 0$, that on $L_j$ at $\alpha = 1$.",
        curves.RANGE,
        "All panels have the same axes. Apart: distance of the end points over their root mean square norm, "
        "from the closest to the farthest pair; 1.4 would be independent parameters.",
    ]
    apart = points.groupby(["first_objective", "second_objective"])["distance"].agg(["min", "max"])
    names = [f"{SYMBOLS[one]} & {SYMBOLS[other]}" for one, other in pairs]
    ranges = [f"{apart.loc[pair, 'min']:.2g} to {apart.loc[pair, 'max']:.2g} apart" for pair in pairs]
    shown = [": ".join(texts) for texts in zip(names, ranges, strict=True)]
    titles = batches(shown, _COLUMNS.get(len(pairs), 3))
    axes = page.grid("loss between end points of trainings on two objectives", titles, sentences, 1.35, _LEGEND_ROWS)
    looks = style.shades(summary["keep_prob"], "keep {:g}")
    for panel, rows in zip(chain.from_iterable(axes), pairs.values(), strict=True):
        for (keep_prob, _, _), curve in rows.groupby(["keep_prob", "first", "second"]):
            curves.band(panel, curve, looks[keep_prob], x="alpha")
        panel.set_xlabel(r"$\alpha$")
    for row in axes:
        row[0].set_ylabel("loss $R_S$")
    axes[0][0].set(xlim=(0, 1), ylim=(0, None), xticks=[0, 0.2, 0.4, 0.6, 0.8])
    legend_below(axes[-1][0], *batches(style.entries(looks.values()), _LEGEND_ROWS))
