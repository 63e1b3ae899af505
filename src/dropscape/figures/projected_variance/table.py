"""Variance along the Hessian's eigenvectors against its eigenvalues (paper A, section 6.2 and Fig. 3)."""

from dropscape.figures import runs
from dropscape.figures.content import FigureContent, Settings, TableFiles, first_reason, rows_where
from dropscape.figures.power_laws import LEADING, power_laws
from dropscape.numerics.fits import NUMERICALLY_ZERO
from dropscape.numerics.grids import log_spaced_indices

_DRAWN = 300


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Pairs {lambda_i(H), Var(Proj_v_i(S))} of every run and Hessian eigenvector.

    An eigenvalue of modulus at most 1e-8 of the run's and seed's largest is rounding error and belongs in no fit.

    points: run, sample, seed, index, eigenvalue, variance, drawn (log-spaced indices only: thousands of points lie on
    each other), reason. summary: slope of log variance on log eigenvalue through all points that have both logarithms,
    drawn or not.
    """
    (settings,) = figure["experiments"]
    points = rows_where(runs.dropout_run_tables(settings, tables, "projection"), sample=figure["sample"])
    points = points.reset_index(drop=True)
    value = points["eigenvalue"]
    largest = value.abs().groupby([points["run"], points["seed"]]).transform("max")
    points["reason"] = first_reason(
        {
            "eigenvalue not finite": ~value.abs().lt(float("inf")),
            "eigenvalue numerically zero": value.abs() <= NUMERICALLY_ZERO * largest,
            "eigenvalue negative": value < 0,
            "variance not positive": ~points["variance"].gt(0),
        }
    )
    total = int(points["index"].max())
    points["drawn"] = points["index"].isin(log_spaced_indices(total, _DRAWN) + 1)
    points = points[[*runs.DROPOUT_RUN, "sample", "seed", "index", "eigenvalue", "variance", "drawn", "reason"]]
    facts = {"sample": figure["sample"], "leading": LEADING, "relative_zero": NUMERICALLY_ZERO}
    facts |= {"directions": total, "drawn_directions": min(total, _DRAWN)}
    return FigureContent.counted(points, power_laws(points, "eigenvalue", "variance"), "points", **facts)
