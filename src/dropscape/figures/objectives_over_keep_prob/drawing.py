"""Draws what trainings on different objectives reach at each keep probability (paper B, Fig. 2 and Fig. 13)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dropscape.figures import curves, objectives, style
from dropscape.figures.content import rows_where
from dropscape.figures.objectives_over_keep_prob.table import ACCURACY, R1, RISK
from dropscape.figures.page import Page, legend_below

_APART = 0.008  # keep probability between the points of two objectives, which often coincide
_DOTTED = (0, (1, 1))


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A panel of test accuracies per group of objectives; with one group R_S and R_1 beside it."""
    groups = page.description["groups"]
    with_terms = len(groups) == 1
    dashes = style.dashes_of(sorted(summary["learning_rate"], reverse=True))  # from the largest learning rate
    sentences = [
        "Points: mean over seeds at the end of training; bars and shading: min to max over seeds. Small p is much "
        "dropout. The objectives' points are drawn a little apart at the same p."
    ]
    if "risk" in set(summary["objective"]):
        sentences.append("Horizontal lines: training on $R_S$ without dropout.")
    if with_terms:
        sentences.append("$R_1$ is computed from the parameters with the p of each run (paper B, eq. 4).")
    title, legend_rows = "objectives at each keep probability", max(map(len, groups))
    titles = [""] * (len(groups) + with_terms)
    axes = page.row(title, titles, sentences, 2.2, legend_rows, len(groups))
    accuracy = curves.percent(rows_where(summary, quantity=ACCURACY))
    rates = [style.entry(f"learning rate {rate:g}", dashes=dash) for rate, dash in dashes.items()]
    for panel, group in zip(axes, groups, strict=False):
        _curves(panel, accuracy, group, dashes)
        legend_below(panel, _entries(group), rates)
    axes[0].set_ylabel("test accuracy [%]")
    if with_terms:
        _terms(axes[-1], summary, groups[0], dashes)
    for panel in axes:
        panel.set_xlabel("keep probability p (torch drops 1 \N{MINUS SIGN} p)")


def _curves(
    panel: Axes, summary: pd.DataFrame, group: Sequence[str], dashes: Mapping[float, Any], hollow: bool = False
) -> None:
    """Each objective's means over the keep probability; the risk, which has none, as a horizontal line."""
    beside = [objective for objective in group if objective != "risk"]
    for objective in group:
        look = objectives.LOOKS[objective]
        for rate, dash in dashes.items():
            rows = rows_where(summary, objective=objective, learning_rate=rate)
            if objective != "risk":
                offset = _APART * (beside.index(objective) - (len(beside) - 1) / 2)
                shifted = rows.assign(keep_prob=rows["keep_prob"] + offset)
                curves.with_bars(panel, shifted, look, dash, "keep_prob", hollow)
            else:
                for row in rows.itertuples():
                    panel.axhspan(row.low, row.high, color=look.colour, alpha=0.18, lw=0)
                    panel.axhline(row.mean, color=look.colour, ls=dash, lw=1.0)


def _terms(panel: Axes, summary: pd.DataFrame, group: Sequence[str], dashes: Mapping[float, Any]) -> None:
    """R_S with filled markers, R_1, where there is any, with hollow ones, on a logarithmic axis."""
    _curves(panel, rows_where(summary, quantity=RISK), group, dashes)
    r1 = rows_where(summary, quantity=R1)
    _curves(panel, r1[r1["mean"] > 0], group, dict.fromkeys(dashes, _DOTTED), hollow=True)
    panel.set_yscale("log")
    style.label_logarithmic(panel.yaxis)
    panel.set_ylabel("$R_S$, $R_1$ at the end of training", labelpad=1)
    loss = style.entry("$R_S$", lw=0.9, **style.marker("o"))
    term = style.entry("$R_1$", dashes=_DOTTED, lw=0.9, **style.marker("o", hollow=True))
    legend_below(panel, _entries(group), [loss, term])


def _entries(group: Sequence[str]) -> list[Line2D]:
    looks = {objective: objectives.LOOKS[objective] for objective in group}
    markers = {objective: style.marker(look.marker) for objective, look in looks.items() if objective != "risk"}
    return [style.entry(look.label, look.colour, **markers.get(objective, {})) for objective, look in looks.items()]
