"""Draws variance against interval flatness (paper A, Fig. 2)."""

import pandas as pd

from dropscape.figures import scatter
from dropscape.figures.drift import drift_sentence
from dropscape.figures.page import Page
from dropscape.figures.variance_flatness.table import DETRENDED, DIVERGENCE, HELD_OUT, IN_SAMPLE

_ROWS = {
    "gradients": {IN_SAMPLE: "all samples (the paper's)", HELD_OUT: "held-out samples"},
    "trajectory": {IN_SAMPLE: "all steps (the paper's)", DETRENDED: "detrended steps", HELD_OUT: "detrended, held out"},
}
_HELD_OUT = {
    "gradients": "Held out: the variance of other gradients along the same directions.",
    "trajectory": "Held out: directions are from the first half of the steps, variances from the second one.",
}


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """The paper's variance and the others, each run by itself; where labels are smoothed, the divergence's flatness."""
    sample, smoothed = page.description["sample"], page.description["label_smoothing"]
    rows = _ROWS[sample] | ({DIVERGENCE: "flatness without entropy"} if smoothed else {})
    sentences = [
        f"Each point is a principal direction v of Σ, the covariance of the {scatter.SAMPLES[sample]}. F is the width "
        f"of the interval along v where the dropout-free loss is below {page.description['factor']:g} times its value.",
        scatter.fit_sentence(page.description),
        "A measured direction weighs as much as the indices that it is nearest to.",
        _HELD_OUT[sample],
    ]
    if sample == "trajectory":
        sentences.append(drift_sentence(page.description))
    if smoothed:
        said = "The loss is the cross-entropy with smoothed labels, the labels' entropy included but in the panels"
        sentences.insert(1, f"{said} without it.")
    scatter.run_panels(
        page,
        f"variance against interval flatness, {scatter.SAMPLES[sample]}",
        sentences,
        points[points["reason"].isna()],
        summary,
        rows,
        ("flatness", "interval flatness $F$ [parameter distance]"),
        ("variance", f"variance [{scatter.UNITS[sample]}]"),
        rising=False,
    )
