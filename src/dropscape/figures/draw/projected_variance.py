"""Draws variance along the Hessian's eigenvectors against its eigenvalues (paper A, Fig. 3)."""

import math
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

_COLUMNS = 2  # of a panel's legend


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """Main runs and, if there are any, the variants; arguments as tabled."""
    main, variants = split(style.looks(summary), summary)
    panels = [("Keep probabilities and learning rates", main)]
    if variants:
        panels.append(("Variants of the dropout", variants))
    sample, drawn, directions = (description[key] for key in ("sample", "drawn_directions", "directions"))
    thinned = "" if drawn == directions else f"; {drawn:,} log-spaced ones of {directions:,} are drawn, all are fitted"
    rows = math.ceil(max(len(runs) for _, runs in panels) / _COLUMNS)
    figure, axes = style.page(
        f"{description['place']}: projected variance against Hessian eigenvalue, {SAMPLES[sample]}",
        [1] * len(panels),
        2.5,
        style.legend_room(rows * LEGEND_LINES),
        style.footer(
            description,
            f"Each point is an eigenvector of the Hessian H of the dropout-free loss at the end of training{thinned}.",
            fit_sentence(description),
            f"Numerically zero: at most {style.number(description['relative_zero'])} of the largest eigenvalue.",
        ),
    )
    defined = points[points["reason"].isna() & points["drawn"]]
    logarithmic(
        axes,
        "Hessian eigenvalue $\\lambda_i(H)$ [loss / parameter$^2$]",
        rf"projected variance $\mathrm{{Var}}(\mathrm{{Proj}}_{{v_i}}(S))$ [{UNITS[sample]}]",
    )
    handles = []
    for panel, (title, runs) in zip(axes, panels, strict=True):
        panel.set_title(title, loc="left", pad=4)
        handles.append(scatter_runs(panel, defined, summary, runs, "eigenvalue", "variance", size=6, rasterized=True))
    for panel, entries in zip(axes, handles, strict=True):
        legend_of_runs(panel, entries, _COLUMNS)
    return figure
