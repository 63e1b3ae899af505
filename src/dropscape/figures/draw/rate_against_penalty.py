"""Draws the learning rate of dropout against the weight of R_2 that should stand for it (paper B, Fig. 3)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.curves import with_bars
from dropscape.figures.draw.objectives import look_of
from dropscape.figures.draw.scatter import label_two_and_five
from dropscape.figures.tables.rate_against_penalty import ACCURACY, RATIO, VARIED

_BEST = "#c00000"
_VARIES = {"dropout": "varied learning rate ε", "dropout_plus_r2": "varied weight λ of the penalty"}


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """Accuracies with the best marked, and the ratio of loss and squared gradient; arguments as tabled."""
    fixed = summary.loc[summary["objective"] == "dropout_plus_r2", "learning_rate"].unique()
    sentences = ["Points: mean over seeds at the end of training; bars: least to greatest over seeds."]
    if len(fixed):
        rates = ", ".join(f"{rate:g}" for rate in sorted(fixed))
        sentences.append(f"The penalised trainings all have the learning rate {rates}.")
    sentences.append("Red rings: the greatest mean accuracy. Ratio: expectations over N fresh masks at the end point.")
    figure, axes = style.page(
        f"{description['place']}: learning rate against penalty",
        [1, 1],
        2.2,
        style.legend_room(3),
        style.footer(description, *sentences),
        apart=1,
    )
    accuracy = summary[summary["quantity"] == ACCURACY]
    accuracy = accuracy.assign(**{key: 100 * accuracy[key] for key in ("mean", "low", "high")})
    for panel, rows in zip(axes, (accuracy, summary[summary["quantity"] == RATIO]), strict=True):
        for objective in VARIED:
            with_bars(panel, rows[rows["objective"] == objective], look_of(objective), "-", "varied")
        panel.set(xscale="log", xlabel="learning rate ε or penalty λ")
        panel.tick_params(which="both", direction="in")
        label_two_and_five(panel.xaxis)
    best = accuracy[accuracy["best"].astype(str) == "True"]
    axes[0].plot(best["varied"], best["mean"], ls="", marker="o", ms=7, mfc="none", mec=_BEST, mew=1.1)
    axes[0].set_ylabel("test accuracy [%]")
    axes[1].set_yscale("log")
    label_two_and_five(axes[1].yaxis)
    axes[1].set_ylabel(
        r"$\mathbb{E}\,R_S^\mathrm{drop}\;/\;\mathbb{E}|\nabla R_S^\mathrm{drop}|^2$ [parameter$^2$ / loss]", labelpad=1
    )
    shown = [objective for objective in VARIED if objective in set(summary["objective"])]
    handles = []
    for objective in shown:
        look = look_of(objective)
        label = f"{look.label}, {_VARIES[objective]}"
        handles.append(Line2D([], [], color=look.colour, marker=look.marker, ms=3.2, mew=0, label=label))
    handles.append(Line2D([], [], ls="", marker="o", mfc="none", mec=_BEST, ms=5, label="greatest mean"))
    style.legend_below(axes[0], [handles])
    return figure
