"""Variance against interval flatness along principal directions (paper A, section 6.1 and Fig. 2)."""

import pandas as pd

from dropscape.figures import runs
from dropscape.figures.content import FigureContent, Settings, TableFiles, first_reason, rows_where
from dropscape.figures.power_laws import LEADING, power_laws

IN_SAMPLE, HELD_OUT, DIVERGENCE = "in-sample", "held-out", "divergence"
_KEYS = ["run", "sample", "seed", "index"]


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Pairs {F_v_i(Sigma), lambda_i(Sigma)} of every run, with two estimates of the variance.

    ``in-sample``, the paper's: the eigenvalue of the covariance of all samples, which also choose the direction.
    ``held-out``: directions from one half of the samples, variance from the other. The two are paired with each other
    and with the flatness by rank: the i-th direction of one half is not exactly the i-th of all samples.
    ``divergence``, where labels are smoothed: the paper's variance, and the flatness of the loss less their entropy.

    points: run, sample, seed, index, estimate, factor, flatness, variance, reason; flatness and variance as measured,
    also where ``reason`` says why they cannot be drawn. summary: slope of log variance on log flatness.
    """
    (settings,) = figure["experiments"]
    sample, factor = figure["sample"], settings["factor"]
    spectrum = runs.dropout_run_tables(settings, tables, "spectrum")
    interval = rows_where(runs.dropout_run_tables(settings, tables, "interval"), sample=sample, factor=factor)
    columns = [*_KEYS, "variance", "numerically_zero", "held_out"]
    joined = interval.merge(spectrum[columns], on=_KEYS, how="left", validate="one_to_one")
    estimates = {IN_SAMPLE: ("variance", ""), HELD_OUT: ("held_out", "")}
    if settings["label_smoothing"]:
        estimates[DIVERGENCE] = ("variance", "divergence_")
    points = pd.concat([_estimate(joined, name, *of) for name, of in estimates.items()], ignore_index=True)
    summary = power_laws(points, "flatness", "variance", by=["estimate"])
    named = {name: f"{name} points" for name in estimates}
    facts = {"sample": sample, "factor": factor, "leading": LEADING, "label_smoothing": settings["label_smoothing"]}
    return FigureContent.counted(points, summary, named, "estimate", **facts)


def _estimate(joined: pd.DataFrame, name: str, column: str, of_loss: str) -> pd.DataFrame:
    variance, flatness = joined[column], joined[f"{of_loss}width"]
    undefined = joined[f"{of_loss}reason"].fillna("").astype(str)
    reason = first_reason(
        {
            "flatness not positive": ~flatness.gt(0),
            "variance numerically zero": joined["numerically_zero"].astype(bool),
            "index beyond the half sample" if name == HELD_OUT else "variance missing": variance.isna(),
            "variance not positive": ~variance.gt(0),
        }
    )
    # The flatness stage says more about an undefined flatness.
    reason = reason.where(undefined == "", undefined)
    return joined[[*runs.DROPOUT_RUN, "sample", "seed", "index"]].assign(
        estimate=name, factor=joined["factor"], flatness=flatness, variance=variance, reason=reason
    )
