"""Draws variance along the Hessian's eigenvectors against its eigenvalues (paper A, Fig. 3)."""

import math

import pandas as pd

from dropscape.figures import scatter, style
from dropscape.figures.page import Page

_COLUMNS = 2  # of a panel's legend


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """Main runs and, if there are any, the variants."""
    main, variants = scatter.main_and_variants(style.looks(summary), summary)
    panels = {"Keep probabilities and learning rates": main}
    panels |= {"Variants of the dropout": variants} if variants else {}
    sample, drawn, directions = (page.description[key] for key in ("sample", "drawn_directions", "directions"))
    thinned = f" {drawn:,} log-spaced ones of {directions:,} are drawn; all are fitted." if drawn < directions else ""
    sentences = [
        "Each point is an eigenvector of the Hessian H of the dropout-free loss at the end of training."
        f"{thinned} An eigenvalue of at most {style.number(page.description['relative_zero'])} of the largest one is "
        "numerically zero.",
        scatter.fit_sentence(page.description),
    ]
    title = f"projected variance against Hessian eigenvalue, {scatter.SAMPLES[sample]}"
    legend_rows = scatter.LEGEND_LINES * math.ceil(max(map(len, panels.values())) / _COLUMNS)
    axes = page.row(title, list(panels), sentences, 2.5, legend_rows)
    shown = points[points["reason"].isna() & points["drawn"]]
    variance = rf"projected variance $\mathrm{{Var}}(\mathrm{{Proj}}_{{v_i}}(S))$ [{scatter.UNITS[sample]}]"
    look = {"columns": _COLUMNS, "size": 6, "rasterized": True}
    scatter.logarithmic(axes, r"Hessian eigenvalue $\lambda_i(H)$ [loss / parameter$^2$]", variance)
    for panel, runs in zip(axes, panels.values(), strict=True):
        scatter.scatter_runs(panel, shown, summary, runs, "eigenvalue", "variance", **look)
    style.label_logarithmic(axes[0].xaxis)
    style.label_logarithmic(axes[0].yaxis)
