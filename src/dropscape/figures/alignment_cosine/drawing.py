"""Draws the cosine of Hessian and noise covariance along training (paper C, Fig. 3)."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures import curves, scatter, style
from dropscape.figures.alignment_cosine.table import BASELINE, PLAIN, UNBIASED
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

PAPER_BASELINE = 7.8e-4
_LABELS = {PLAIN: "plain estimate (the paper's)", UNBIASED: "unbiased estimate"}
_DASHES = style.dashes_of(_LABELS)


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """Main runs, variants if there are any, and random matrices if they were measured."""
    looks, level = style.looks(summary), page.description["level"]
    along, random = summary[summary["quantity"] != BASELINE], rows_where(summary, quantity=BASELINE)
    main, variants = scatter.main_and_variants(looks, along)
    panels = {"Training with dropout": main} | ({"Variants of the dropout": variants} if variants else {})
    sentences = [
        "H is the Hessian of the dropout-free loss and Σ the covariance of the gradients under fresh masks, at each "
        "recorded step of a training with dropout. The unbiased cosine takes unbiased estimates of Tr(HΣ) and |Σ|².",
        curves.RANGE,
    ]
    titles, widths = list(panels), [2.6] * len(panels)
    if len(random):
        titles, widths = [*titles, "Random matrices"], [*widths, 1]
        sentences.append(
            "Random matrices have the spectra of H and Σ at the end of training (first seed) and random normalised "
            f"eigenvectors; mean and range over {page.description['pairs']} pairs."
        )
    title, legend_rows = "cosine of Hessian and noise covariance", max(3, *map(len, panels.values()))
    axes = page.row(title, titles, sentences, 2.3, legend_rows, len(panels), widths)
    estimates = [style.entry(label, dashes=_DASHES[estimate]) for estimate, label in _LABELS.items()]
    if level is not None:
        estimates.append(style.guide_entry(f"the paper's level, {level:g}", style.DOTTED))
    for panel, runs in zip(axes, panels.values(), strict=False):
        for (run, _), look in runs.items():
            for quantity, dashes in _DASHES.items():
                curves.band(panel, rows_where(along, run=run, quantity=quantity), look, dashes)
        if level is not None:
            panel.axhline(level, ls=style.DOTTED, zorder=1, **style.GUIDE)
        panel.set_ylim(np.nanmin([0, along["low"].min() * 1.05]), np.nanmax([1, along["high"].max()]) * 1.02)
        curves.steps_axis(panel, along["step"].max(), curves.EPOCHS)
        legend_below(panel, style.entries(runs.values()), estimates if runs is main else [])
    axes[0].set_ylabel(r"cosine $\mathrm{Tr}(H\Sigma)\,/\,(\|H\|\,\|\Sigma\|)$")
    if len(random):
        _random_matrices(axes[-1], random, looks)


def _random_matrices(axes: Axes, random: pd.DataFrame, looks: Mapping[tuple[str, float], style.Look]) -> None:
    rows = random.set_index("run")
    for position, (run, look) in enumerate((run, look) for (run, _), look in looks.items() if run in rows.index):
        row = rows.loc[run]
        axes.plot([position, position], [row["low"], row["high"]], color=look.colour, lw=1)
        axes.plot([position], [row["mean"]], color=look.colour, **style.marker(look.marker))
    axes.axhline(PAPER_BASELINE, ls=style.DOTTED, zorder=1, **style.GUIDE)
    axes.text(
        0.5, PAPER_BASELINE * 1.04, f"the paper's {style.number(PAPER_BASELINE)}", transform=axes.get_yaxis_transform(),
        ha="center", va="bottom", fontsize=5.4,
    )  # fmt: skip
    levels = np.append(rows[["low", "high"]].to_numpy(), PAPER_BASELINE)
    lowest, highest = np.nanmin(levels), np.nanmax(levels)
    axes.set(yscale="log", ylim=(10 ** math.floor(math.log10(lowest)), 10 ** math.ceil(math.log10(highest))))
    axes.set(xticks=[], xlabel="runs", xlim=(-0.8, len(rows) - 0.2))
