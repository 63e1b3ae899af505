"""Variance along the Hessian's eigenvectors against its eigenvalues (paper A, section 6.2 and Fig. 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from dropscape.figures.tables.content import RUN_COLUMNS, Content, count_undefined, first_reason, of_runs
from dropscape.figures.tables.power_laws import LEADING, power_laws
from dropscape.numerics.grids import log_spaced_indices

RELATIVE_ZERO = 1e-8
_DRAWN = 300


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Pairs {lambda_i(H), Var(Proj_v_i(S))} of every run and Hessian eigenvector.

    An eigenvalue of modulus at most 1e-8 of the run's and seed's largest is rounding error and belongs in no fit.

    Args:
        experiments: one, with ``runs`` and ``dropout``, and ``sample``.
        inputs: ``projection``, one table per run.

    Returns:
        points: run, sample, seed, index, eigenvalue, variance, drawn (log-spaced indices only: thousands of points lie
        on each other), reason. summary: slope of log variance on log eigenvalue through all points with a place
        on the axes, drawn or not.
    """
    (settings,) = experiments
    points = of_runs(settings, inputs["projection"])
    points = points[points["sample"] == settings["sample"]].reset_index(drop=True)
    value = points["eigenvalue"]
    largest = value.abs().groupby([points["run"], points["seed"]]).transform("max")
    points["reason"] = first_reason(
        points.index,
        [
            (~value.abs().lt(float("inf")), "eigenvalue not finite"),
            (value.abs() <= RELATIVE_ZERO * largest, "eigenvalue numerically zero"),
            (value < 0, "eigenvalue negative"),
            (~points["variance"].gt(0), "variance not positive"),
        ],
    )
    total = int(points["index"].max())
    points["drawn"] = points["index"].isin(log_spaced_indices(total, _DRAWN) + 1)
    columns = [*RUN_COLUMNS, "sample", "seed", "index", "eigenvalue", "variance", "drawn", "reason"]
    return Content(
        points=points[columns],
        summary=power_laws(points, "eigenvalue", "variance"),
        undefined=[count_undefined("points", points["reason"])],
        facts={
            "sample": settings["sample"],
            "leading": LEADING,
            "relative_zero": RELATIVE_ZERO,
            "directions": total,
            "drawn_directions": min(total, _DRAWN),
        },
    )
