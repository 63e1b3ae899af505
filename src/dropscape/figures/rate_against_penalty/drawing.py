"""Draws the learning rate of dropout against the weight of R_2 that should replace it (paper B, Fig. 3)."""

import itertools

import pandas as pd

from dropscape.figures import curves, objectives, style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below
from dropscape.figures.rate_against_penalty.table import ACCURACY, RATIO, VARIED

_BEST = {"mec": "#c00000", "mfc": "none", "marker": "o"}
_MASKS = {"per_example": ("a mask for each example", False), "shared": ("one mask for all examples", True)}
_VARIES = {"dropout": "varied learning rate ε", "dropout_plus_r2": "varied weight λ of the penalty"}


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """Accuracies with the best marked, and the ratio of loss and squared gradient."""
    fixed = sorted(rows_where(summary, objective="dropout_plus_r2")["learning_rate"].unique())
    sentences = [
        "Points: mean over seeds at the end of training; bars: min to max over seeds. The ratio is that of "
        "expectations over N fresh masks."
    ]
    if fixed:
        rates = ", ".join(f"{rate:g}" for rate in fixed)
        sentences.append(f"The penalised trainings all have the learning rate {rates}.")
    masks = page.description["masks"]
    axes = page.row("learning rate against penalty", ["", ""], sentences, 2.2, legend_rows=3, sharing=0)
    accuracy = curves.percent(rows_where(summary, quantity=ACCURACY))
    for panel, rows in zip(axes, (accuracy, rows_where(summary, quantity=RATIO)), strict=True):
        for objective, (experiment, mode) in itertools.product(VARIED, masks.items()):
            own, hollow = rows_where(rows, objective=objective, experiment=experiment), _MASKS[mode][1]
            dashes = style.DOTTED if hollow else "-"
            curves.with_bars(panel, own, objectives.LOOKS[objective], dashes, "varied", hollow)
        panel.set(xscale="log", xlabel="learning rate ε or weight λ")
        style.label_logarithmic(panel.xaxis)
    best = accuracy[accuracy["best"].astype(str) == "True"]
    axes[0].plot(best["varied"], best["mean"], ls="", ms=7, mew=1.1, **_BEST)
    axes[0].set_ylabel("test accuracy [%]")
    axes[1].set_yscale("log")
    style.label_logarithmic(axes[1].yaxis)
    ratio = r"$\mathbb{E}\,R_S^\mathrm{drop}\;/\;\mathbb{E}|\nabla R_S^\mathrm{drop}|^2$ [parameter$^2$ / loss]"
    axes[1].set_title(ratio)
    handles = []
    for objective in VARIED:
        if objective in set(summary["objective"]):
            look = objectives.LOOKS[objective]
            label = f"{look.label}, {_VARIES[objective]}"
            handles.append(style.entry(label, look.colour, **style.marker(look.marker)))
    legend_below(axes[0], [*handles, style.entry("max of the means", dashes="", ms=5, **_BEST)])
    modes = [_MASKS[mode] for mode in masks.values()]
    dashes = [style.DOTTED if hollow else "-" for _, hollow in modes]
    legend_below(
        axes[1],
        [
            style.entry(label, dashes=dash, **style.marker("o", hollow))
            for (label, hollow), dash in zip(modes, dashes, strict=True)
        ],
    )
