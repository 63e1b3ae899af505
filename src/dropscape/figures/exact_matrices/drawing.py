"""Draws noise and curvature of dropout as whole matrices along training (paper C, section 5, appendix B, section 6)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from dropscape.figures import curves, methods, style
from dropscape.figures.content import rows_where
from dropscape.figures.exact_matrices import table as names
from dropscape.figures.page import Page, legend_below

_MATRICES = {"hessian": "Hessian of $L_S$", "covariance": r"covariance $\Sigma$", "example": r"$\Sigma$ of one example"}
_DIRECTIONS = {"rank": "rank correlation", "overlap": "overlap"}
_COLOURS = dict(zip([*_MATRICES, *_DIRECTIONS], [*style.PALETTE[:3], *style.PALETTE[4:6]], strict=True))
_SME = (0, (4, 1.4))
_TIME = r"time $\eta N$"
_UPPER = {
    "eq. (17): cosine with the exact matrix": (names.COSINES, "cosine"),
    "eq. (17): relative error": (names.ERRORS, "relative error (Frobenius norm)"),
    "appendix B: eigenvectors": (names.DIRECTIONS, "correlation, overlap"),
}
_LOWER = {
    "diffusion along training": ([names.DIFFUSION], r"$\eta\,$Tr $\Sigma$ [loss$^2$ / parameter$^2$]"),
    "Assumption 1: size of the parameters": (list(names.NORMS.values()), r"$|\theta|$ [parameter]"),
    "descent and dropout merge": (names.GAPS, "largest difference [loss]"),
}


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """Eq. (17) and eigenvectors above; diffusion, size of the parameters and descent on L_S below."""
    settings = rows_where(summary, quantity=names.DIFFUSION)
    keys = settings[["learning_rate", "keep_prob"]].drop_duplicates()
    looks = style.looks(keys.assign(run=keys["learning_rate"], variant=""))
    sentences = [
        methods.inputs_sentence(page.description),
        f"Lines: mean over {methods.trials_of(settings)} trials of dropout; shading: min to max over trials; upper "
        "row: one line for each learning rate and keep probability.",
        r"Eq. (17) is summed over the outputs; $\Sigma$: covariance of the gradient under one mask for all examples; "
        "one example: under an example and its mask drawn at random; dotted: with the weights $l_i$ of other examples. "
        r"Upper right: rank correlation of the variances along the eigenvectors of $\Sigma$ with the curvatures there, "
        r"and overlap of the leading eigenvectors with the Hessian's; dotted: $\Sigma$ turned at random.",
        r"Lower right: largest difference along training of $\mathbb{E}\,R_S^{\mathrm{drop}}$ under dropout to $L_S$ "
        "along gradient descent, from one start.",
    ]
    titles = [list(_UPPER), list(_LOWER)]
    upper, lower = page.grid("noise and curvature of dropout", titles, sentences, 1.7, legend_rows=5, sharing=0)
    for panel, (quantities, label) in zip(upper, _UPPER.values(), strict=True):
        for quantity in quantities:
            control = quantity.endswith(names.ROTATED) or names.SHUFFLED in quantity
            look = style.Look("", _COLOURS[quantity.split("_")[0]])
            for _, rows in rows_where(summary, quantity=quantity).groupby(["learning_rate", "keep_prob"]):
                curves.band(panel, rows, look, style.DOTTED if control else "-", x="time")
        _axes(panel, summary, label, logarithmic=quantities is names.ERRORS)
    for panel, (quantities, label) in zip(lower[:2], list(_LOWER.values())[:2], strict=True):
        for quantity, dashes in zip(quantities, ("-", _SME), strict=False):
            for (rate, keep_prob), look in looks.items():
                rows = rows_where(summary, quantity=quantity, learning_rate=rate, keep_prob=keep_prob)
                curves.band(panel, rows, look, dashes, x="time")
        _axes(panel, summary, label, logarithmic=True)
    matrices = [style.entry(label, _COLOURS[key], lw=1.1) for key, label in (_MATRICES | _DIRECTIONS).items()]
    runs = [style.entry(look.label, look.colour, lw=1.1) for look in looks.values()]
    legend_below(lower[0], [_heading("upper row:"), *matrices[:3]], [_heading(""), *matrices[3:]])
    equation = style.entry("SME of order 1", "0.3", _SME, lw=1.1)
    legend_below(lower[1], [_heading("lower row:"), *runs], [_heading(""), equation])
    legend_below(lower[2], *_merging(lower[2], summary))


def _heading(text: str) -> Artist:
    """A line of text in a legend."""
    return style.entry(text or " ", dashes="")


def _axes(panel: Axes, summary: pd.DataFrame, label: str, logarithmic: bool) -> None:
    curves.steps_axis(panel, summary["time"].max(), _TIME)
    panel.set_ylabel(label, labelpad=1)
    if logarithmic:
        panel.set_yscale("log")
        style.label_logarithmic(panel.yaxis)


def _merging(panel: Axes, summary: pd.DataFrame) -> Sequence[Sequence[Artist]]:
    """The gaps over the learning rate and a line of slope 1; returns the columns of the legend."""
    gaps = summary[summary["quantity"].isin(names.GAPS)]
    colours = style.hues(sorted(gaps["keep_prob"].unique(), reverse=True))
    for (keep_prob, quantity), rows in gaps.groupby(["keep_prob", "quantity"]):
        hollow = style.marker("o", hollow=quantity != names.GAPS[0])
        panel.plot(rows["learning_rate"], rows["mean"], color=colours[keep_prob], lw=1, **hollow)
    rates = np.array([gaps["learning_rate"].min(), gaps["learning_rate"].max()])
    lowest = gaps["mean"].min()
    panel.plot(rates, 0.6 * lowest * rates / rates[0], **style.GUIDE)
    panel.set(xscale="log", yscale="log", xlabel=r"learning rate $\eta$")
    ticks = sorted(gaps["learning_rate"].unique())
    panel.set_xticks(ticks, [f"{rate:g}" for rate in ticks])
    panel.set_xticks([], minor=True)
    panel.set_ylabel(_LOWER["descent and dropout merge"][1], labelpad=1)
    style.label_logarithmic(panel.yaxis)
    keeps = [style.entry(f"keep {keep_prob:g}", colour) for keep_prob, colour in colours.items()]
    filled, hollow = (
        style.entry(f"descent on {loss}", "0.3", **style.marker("o", of))
        for loss, of in (("$L_S$", False), ("$R_S$", True))
    )
    return [*keeps, style.guide_entry("slope 1")], [filled, hollow]
