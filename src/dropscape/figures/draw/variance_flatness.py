"""Draws variance against interval flatness (paper A, Fig. 2)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dropscape.figures import style
from dropscape.figures.draw.scatter import (
    LEGEND_LINES,
    SAMPLES,
    UNITS,
    fit_sentence,
    legend_of_runs,
    logarithmic,
    scatter_runs,
    split,
)
from dropscape.figures.tables.variance_flatness import HELD_OUT, IN_SAMPLE


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """Main runs in the paper's way, the same held out and, if there are any, the variants; arguments as tabled."""
    main, variants = split(style.looks(summary), summary)
    panels = [
        ("Variance of all samples (the paper's)", main, IN_SAMPLE),
        ("Variance on held-out samples", main, HELD_OUT),
    ]
    if variants:
        panels.append(("Variants of the dropout", variants, IN_SAMPLE))
    sample = description["sample"]
    figure, axes = style.page(
        f"{description['place']}: variance against interval flatness, {SAMPLES[sample]}",
        [1] * len(panels),
        2.1,
        style.legend_room(max(len(runs) for _, runs, _ in panels) * LEGEND_LINES),
        style.footer(
            description,
            f"Each point is a principal direction v of Σ, the covariance of the {SAMPLES[sample]}. F: width of the "
            f"interval along v in which the dropout-free loss stays below {description['factor']:g} times its value.",
            fit_sentence(description),
            "Held out: directions from one half of the samples, variance from the other half, paired with F by rank.",
        ),
    )
    defined = points[points["reason"].isna()]
    logarithmic(axes, "interval flatness $F$ [parameter distance]", rf"variance $\lambda_i(\Sigma)$ [{UNITS[sample]}]")
    handles = []
    for panel, (title, runs, estimate) in zip(axes, panels, strict=True):
        panel.set_title(title, loc="left", pad=4)
        shown = (frame[frame["estimate"] == estimate] for frame in (defined, summary))
        filled = estimate == IN_SAMPLE
        handles.append(scatter_runs(panel, *shown, runs, "flatness", "variance", filled=filled))
    for panel, entries in zip(axes, handles, strict=True):
        legend_of_runs(panel, entries)
    return figure
