"""Draws what trainings on different objectives reach at each keep probability (paper B, Fig. 2 and Fig. 13)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.curves import with_bars
from dropscape.figures.draw.objectives import look_of
from dropscape.figures.draw.scatter import label_two_and_five
from dropscape.figures.tables.objectives_over_keep_prob import ACCURACY, R1, RISK

_APART = 0.008  # keep probability between the points of two objectives, which often coincide
_DOTTED = (0, (1, 1))
_DASHES = ["-", (0, (3, 1.4)), (0, (1, 1.2)), (0, (4, 1, 1, 1))]  # learning rates from the largest


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """A panel of test accuracies per group of objectives; with one group R_S and R_1 beside it; arguments as tabled."""
    groups = description["groups"]
    with_terms = len(groups) == 1
    rates = sorted(set(summary["learning_rate"]), reverse=True)
    dashes = dict(zip(rates, _DASHES * len(rates), strict=False))
    sentences = ["Points: mean over seeds at the end of training; bars and bands: least to greatest over seeds."]
    if "risk" in set(summary["objective"]):
        sentences.append("Horizontal: trained on $R_S$ without dropout.")
    sentences.append("Small p is much dropout. Objectives stand side by side at the same p.")
    if with_terms:
        sentences.append("$R_1$ is computed from the parameters with each run's own p (paper B, eq. 4).")
    figure, axes = style.page(
        f"{description['place']}: objectives at each keep probability",
        [1, 1] if with_terms else [1] * len(groups),
        2.2,
        style.legend_room(max(len(group) for group in groups)),
        style.footer(description, *sentences),
        apart=1 if with_terms else 0,
    )
    accuracy = summary[summary["quantity"] == ACCURACY]
    accuracy = accuracy.assign(**{key: 100 * accuracy[key] for key in ("mean", "low", "high")})
    for panel, group in zip(axes, groups, strict=False):
        _curves(panel, accuracy, group, dashes)
        _axes(panel)
        lines = [_rate(rate, dashes[rate]) for rate in rates]
        style.legend_below(panel, [[_handle(objective) for objective in group], lines])
    axes[0].set_ylabel("test accuracy [%]")
    if with_terms:
        _terms(axes[-1], summary, groups[0], dashes)
    return figure


def _curves(
    panel: Axes, summary: pd.DataFrame, group: Sequence[str], dashes: Mapping[float, Any], hollow: bool = False
) -> None:
    """Each objective's means over the keep probability; the risk, which has none, as a horizontal line."""
    beside = [objective for objective in group if objective != "risk"]
    for objective in group:
        for rate, dash in dashes.items():
            rows = summary[(summary["objective"] == objective) & (summary["learning_rate"] == rate)]
            if objective != "risk":
                place = beside.index(objective) - (len(beside) - 1) / 2
                rows = rows.assign(keep_prob=rows["keep_prob"] + _APART * place)
                with_bars(panel, rows, look_of(objective), dash, "keep_prob", hollow)
                continue
            for row in rows.itertuples():
                panel.axhspan(row.low, row.high, color=look_of(objective).colour, alpha=0.18, lw=0)
                panel.axhline(row.mean, color=look_of(objective).colour, ls=dash, lw=1.0)


def _terms(panel: Axes, summary: pd.DataFrame, group: Sequence[str], dashes: Mapping[float, Any]) -> None:
    """R_S with filled markers, R_1, where there is any, with hollow ones, on a logarithmic axis."""
    _curves(panel, summary[summary["quantity"] == RISK], group, dashes)
    r1 = summary[(summary["quantity"] == R1) & (summary["mean"] > 0)]
    _curves(panel, r1, group, dict.fromkeys(dashes, _DOTTED), hollow=True)
    _axes(panel)
    panel.set_yscale("log")
    label_two_and_five(panel.yaxis)
    panel.set_ylabel("$R_S$, $R_1$ at the end of training", labelpad=1)
    kinds = [
        Line2D([], [], color="0.3", marker="o", ms=3.2, mew=0, lw=0.9, label="$R_S$"),
        Line2D([], [], color="0.3", marker="o", ms=3.4, mfc="white", mew=0.7, lw=0.9, ls=_DOTTED, label="$R_1$"),
    ]
    style.legend_below(panel, [[_handle(objective) for objective in group], kinds])


def _axes(panel: Axes) -> None:
    panel.set_xlabel("keep probability p (torch drops 1 \N{MINUS SIGN} p)")
    panel.tick_params(which="both", direction="in")


def _handle(objective: str) -> Line2D:
    look = look_of(objective)
    marker = {} if objective == "risk" else {"marker": look.marker, "ms": 3.2, "mew": 0}
    return Line2D([], [], color=look.colour, label=look.label, **marker)


def _rate(rate: float, dash: Any) -> Line2D:
    return Line2D([], [], color="0.3", ls=dash, label=f"learning rate {rate:g}")
