"""Variance against interval flatness along principal directions (paper A, section 6.1 and Fig. 2)."""

import pandas as pd

from dropscape.figures import runs
from dropscape.figures.content import FigureContent, Settings, TableFiles, first_reason, rows_where
from dropscape.figures.drift import drift_facts
from dropscape.figures.power_laws import LEADING, power_laws

IN_SAMPLE, DETRENDED, HELD_OUT, DIVERGENCE = "in-sample", "detrended", "held-out", "divergence"
_KEYS = ["run", "sample", "seed", "index"]
# Of each estimate the sample in the tables, the column of the variance, and the loss whose flatness it meets.
_ESTIMATES = {
    "gradients": {IN_SAMPLE: ("gradients", "variance", ""), HELD_OUT: ("gradients", "held_out", "")},
    "trajectory": {
        IN_SAMPLE: ("trajectory", "variance", ""),
        DETRENDED: ("trajectory_quadratic", "variance", ""),
        HELD_OUT: ("trajectory_halves", "held_out", ""),
    },
}


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Pairs {F_v_i(Sigma), lambda_i(Sigma)} of every run, with several estimates of the variance.

    ``in-sample``, the paper's: the eigenvalue of the covariance of all samples, which also choose the direction.
    ``held-out``: the variance of other gradients along the same direction; of a trajectory, that of the second half of
    the steps along directions from the first one, without the drift of each. ``detrended``, of a trajectory: as the
    paper's, without the drift. ``divergence``, where labels are smoothed: the paper's variance, and the flatness of
    the loss less their entropy.

    points: run, sample (that of the tables), seed, index, estimate, factor, flatness, variance, reason; flatness and
    variance as measured, also where ``reason`` says why they cannot be drawn. summary: slope of log variance on log
    flatness.
    """
    (settings,) = figure["experiments"]
    sample, factor = figure["sample"], settings["factor"]
    spectrum = runs.dropout_run_tables(settings, tables, "spectrum")
    interval = rows_where(runs.dropout_run_tables(settings, tables, "interval"), factor=factor)
    columns = [*_KEYS, "variance", "numerically_zero", "held_out"]
    joined = interval.merge(spectrum[columns], on=_KEYS, how="inner", validate="one_to_one")
    estimates = dict(_ESTIMATES[sample])
    if settings["label_smoothing"]:
        estimates[DIVERGENCE] = (sample, "variance", "divergence_")
    points = pd.concat([_estimate(joined, name, *of) for name, of in estimates.items()], ignore_index=True)
    summary = power_laws(points, "flatness", "variance", by=["estimate"])
    named = {name: f"{name} points" for name in estimates}
    facts = {"sample": sample, "factor": factor, "leading": LEADING, "label_smoothing": settings["label_smoothing"]}
    facts |= drift_facts(settings, tables, "drift") if sample == "trajectory" else {}
    return FigureContent.counted(points, summary, named, "estimate", **facts)


def _estimate(joined: pd.DataFrame, name: str, sample: str, column: str, of_loss: str) -> pd.DataFrame:
    joined = rows_where(joined, sample=sample)
    variance, flatness = joined[column], joined[f"{of_loss}width"]
    undefined = joined[f"{of_loss}reason"].fillna("").astype(str)
    reason = first_reason(
        {
            "flatness not positive": ~flatness.gt(0),
            "variance numerically zero": joined["numerically_zero"].astype(bool),
            "variance not positive": ~variance.gt(0),
        }
    )
    # The flatness stage says more about an undefined flatness.
    reason = reason.where(undefined == "", undefined)
    return joined[[*runs.DROPOUT_RUN, "sample", "seed", "index"]].assign(
        estimate=name, factor=joined["factor"], flatness=flatness, variance=variance, reason=reason
    )
