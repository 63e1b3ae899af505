"""Draws variance against interval flatness (paper A, Fig. 2)."""

import pandas as pd

from dropscape.figures import scatter, style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page
from dropscape.figures.variance_flatness.table import DIVERGENCE, HELD_OUT, IN_SAMPLE


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """Main runs with the paper's variance and the held-out one; then the divergence's flatness, or any variants."""
    main, variants = scatter.main_and_variants(style.looks(summary), summary)
    panels = {
        "Variance of all samples (the paper's)": (main, IN_SAMPLE),
        "Variance on held-out samples": (main, HELD_OUT),
    }
    smoothed = page.description["label_smoothing"]
    if smoothed:  # in the place of the variants: a page has room for three panels with legends
        panels["Flatness without the labels' entropy"] = (main, DIVERGENCE)
    elif variants:
        panels["Variants of the dropout"] = (variants, IN_SAMPLE)
    sample = page.description["sample"]
    sentences = [
        f"Each point is a principal direction v of Σ, the covariance of the {scatter.SAMPLES[sample]}. F is the width "
        f"of the interval along v where the dropout-free loss is below {page.description['factor']:g} times its value.",
        scatter.fit_sentence(page.description),
        "Held out: directions are from one half of the samples, variances from the other, paired with F by rank.",
    ]
    if smoothed:
        said = "The loss is the cross-entropy with smoothed labels, the entropy of the labels included but in the panel"
        sentences.insert(1, f"{said} without it.")
    title = f"variance against interval flatness, {scatter.SAMPLES[sample]}"
    legend_rows = scatter.LEGEND_LINES * max(len(runs) for runs, _ in panels.values())
    axes = page.row(title, list(panels), sentences, 2.1, legend_rows)
    shown = points[points["reason"].isna()]
    variance = rf"variance $\lambda_i(\Sigma)$ [{scatter.UNITS[sample]}]"
    scatter.logarithmic(axes, "interval flatness $F$ [parameter distance]", variance)
    for panel, (runs, estimate) in zip(axes, panels.values(), strict=True):
        tables = (rows_where(table, estimate=estimate) for table in (shown, summary))
        scatter.scatter_runs(panel, *tables, runs, "flatness", "variance", filled=estimate != HELD_OUT)
    style.label_logarithmic(axes[0].xaxis)
    style.label_logarithmic(axes[0].yaxis)
