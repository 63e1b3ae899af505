"""Draws the cosine of Hessian and noise covariance along training (paper C, Fig. 3)."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures import curves, scatter, style
from dropscape.figures.alignment_cosine.table import BASELINE, PLAIN, R_SQUARED, RANK, READINGS, ROTATED, UNBIASED
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

PAPER_BASELINE = 7.8e-4
_LABELS = {PLAIN: "plain (the paper's)", UNBIASED: "unbiased"}
_DASHES = style.dashes_of(_LABELS)
_NULL = (0, (1, 1.5))
_OF_READINGS = ("H of $L_S$", "Σ of one example's gradient", "H of $L_S$, Σ of one example's gradient")
_TITLES = dict(zip(READINGS.values(), _OF_READINGS, strict=True))
_TITLES |= {RANK: "All directions: rank", R_SQUARED: "All directions: R²"}


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
    readings = [name for name in READINGS.values() if name in set(along["quantity"])]
    if readings:
        sentences.append(
            "Below: section 5.2 has the Hessian of L_S, the mean loss under dropout, and eq. (17) the covariance of "
            "one example's gradient; section 5.3 the covariance of the full batch's gradients."
        )
    spectral = [name for name in (RANK, R_SQUARED) if name in set(along["quantity"])]
    if spectral:
        sentences.append(
            "Last row: over all eigenvectors v of H that are not numerically zero, the rank correlation of v'Σv with "
            "the eigenvalue, and R² of the log-log fit; not at every recorded step."
        )
    sentences.append("Dotted curves: the covariance turned at random within the parameters that vary.")
    title, legend_rows = "cosine of Hessian and noise covariance", max(4, *map(len, panels.values()))
    below = [names for names in (readings, spectral) if names]  # of each row, what its panels show
    widths = [1] * 3 if below else widths
    texts = [titles, *([_TITLES[name] for name in names] for names in below)]
    rows = page.grid(title, texts, sentences, 2.0, legend_rows, len(panels), widths)
    axes = rows[0]
    for row, names in zip(rows[1:], below, strict=True):
        for panel, name in zip(row, names, strict=True):
            dashes = {name: "-", f"{name}, rotated": _NULL}
            _curves(panel, along, main, dashes, level if names is readings else None)
    estimates = [style.entry(label, dashes=_DASHES[estimate]) for estimate, label in _LABELS.items()]
    if level is not None:
        estimates.append(style.guide_entry(f"the paper's level, {level:g}", style.DOTTED))
    for panel, runs in zip(axes, panels.values(), strict=False):
        _curves(panel, along, runs, _DASHES | {ROTATED: _NULL}, level)
    for row, under in pairwise(rows):
        for panel, _ in zip(row, under, strict=False):
            panel.set_xlabel("")
    for panel, runs in zip(rows[-1], panels.values(), strict=False):
        legend_below(panel, style.entries(runs.values()), estimates if runs is main else [])
    for row in rows:
        row[0].set_ylabel(r"cosine $\mathrm{Tr}(H\Sigma)\,/\,(\|H\|\,\|\Sigma\|)$")
    if spectral:
        rows[-1][0].set_ylabel("rank correlation, R²")
    if len(random):
        _random_matrices(axes[-1], random, looks)


def _curves(
    axes: Axes, along: pd.DataFrame, runs: scatter.Runs, dashes: Mapping[str, Any], level: float | None
) -> None:
    """Quantities of the runs along training, each with its dashes."""
    for (run, _), look in runs.items():
        for quantity, own in dashes.items():
            curves.band(axes, rows_where(along, run=run, quantity=quantity), look, own)
    if level is not None:
        axes.axhline(level, ls=style.DOTTED, zorder=1, **style.GUIDE)
    axes.set_ylim(np.nanmin([0, along["low"].min() * 1.05]), np.nanmax([1, along["high"].max()]) * 1.02)
    curves.steps_axis(axes, along["step"].max(), curves.EPOCHS)


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
