"""Draws variance along the Hessian's eigenvectors against its eigenvalues (paper A, Fig. 3)."""

import pandas as pd

from dropscape.figures import scatter, style
from dropscape.figures.drift import drift_sentence
from dropscape.figures.page import Page

_ROWS = {
    "gradients": {"gradients": "projected variance"},
    "trajectory": {"trajectory": "all steps (the paper's)", "trajectory_quadratic": "detrended steps"},
}


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """Each run by itself; of a trajectory also without its drift."""
    sample, drawn, directions = (page.description[key] for key in ("sample", "drawn_directions", "directions"))
    thinned = f" {drawn:,} log-spaced ones of {directions:,} are drawn; all are fitted." if drawn < directions else ""
    sentences = [
        "Each point is an eigenvector of the Hessian H of the dropout-free loss at the end of training."
        f"{thinned} An eigenvalue of at most {style.number(page.description['relative_zero'])} of the largest one is "
        "numerically zero.",
        scatter.fit_sentence(page.description),
    ]
    if sample == "trajectory":
        sentences.append(drift_sentence(page.description))
    scatter.run_panels(
        page,
        f"projected variance against Hessian eigenvalue, {scatter.SAMPLES[sample]}",
        sentences,
        points[points["reason"].isna() & points["drawn"]],
        summary,
        _ROWS[sample],
        ("eigenvalue", r"Hessian eigenvalue $\lambda_i(H)$ [loss / parameter$^2$]"),
        ("variance", rf"$\mathrm{{Var}}(\mathrm{{Proj}}_{{v_i}}(S))$ [{scatter.UNITS[sample]}]"),
        rising=True,
    )
