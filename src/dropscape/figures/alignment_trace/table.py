"""Tr(H Sigma) against Tr(H Sigma-bar) along training without dropout (paper A, section 7 and Fig. 4)."""

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles

SIGMA, ISOTROPIC = "Tr(H Sigma)", "Tr(H Sigma-bar)"


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Both traces at every recorded step; the keep_prob is that of the tentative dropout.

    points: run, seed, step, quantity, value, reason (a logarithmic axis shows no value that is not positive). summary:
    geometric mean and range over seeds.
    """
    (settings,) = figure["experiments"]
    points = runs.along_training(settings, tables, {"trace_h_sigma": SIGMA, "trace_h_isotropic": ISOTROPIC})
    points = quantities.require_positive(points, "trace not positive")
    summary = quantities.over_seeds(points, [*runs.DROPOUT_RUN, "quantity", "step"], geometric=True)
    return FigureContent.counted(points, summary, "values")
