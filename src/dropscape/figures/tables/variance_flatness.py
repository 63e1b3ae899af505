"""Variance against interval flatness along principal directions (paper A, section 6.1 and Fig. 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.figures.tables.content import RUN_COLUMNS, Content, count_undefined, first_reason, of_runs
from dropscape.figures.tables.power_laws import LEADING, power_laws

IN_SAMPLE, HELD_OUT = "in-sample", "held-out"
_KEYS = ["run", "sample", "seed", "index"]


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Pairs {F_v_i(Sigma), lambda_i(Sigma)} of every run, once in the paper's way and once held out.

    ``estimate`` says which variance a row has. ``in-sample``: the eigenvalue of the covariance of all samples,
    which also choose the direction (the paper's). ``held-out``: directions from one half of the samples, variance from
    the other. The two are paired with each other and with the flatness by index, that is by rank: the i-th
    direction of a half is not exactly the i-th of all samples.

    Args:
        experiments: one, with ``runs`` and ``dropout``, ``sample``, and ``factor``, the multiple of the loss that ends
            the interval.
        inputs: ``spectrum`` and ``interval``, one table per run each.

    Returns:
        points: run, sample, seed, index, estimate, factor, flatness, variance, reason; flatness and variance
        as measured also where ``reason`` keeps a point off the logarithmic axes. summary: slope of log variance on
        log flatness.
    """
    (settings,) = experiments
    spectrum = of_runs(settings, inputs["spectrum"])
    interval = of_runs(settings, inputs["interval"])
    interval = interval[(interval["sample"] == settings["sample"]) & (interval["factor"] == settings["factor"])]
    columns = [*_KEYS, "variance", "numerically_zero", "held_out"]
    joined = interval.merge(spectrum[columns], on=_KEYS, how="left", validate="one_to_one")
    joined["reason"] = joined["reason"].fillna("").astype(str)
    frames = [_estimate(joined, name, column) for name, column in ((IN_SAMPLE, "variance"), (HELD_OUT, "held_out"))]
    points = pd.concat(frames, ignore_index=True)
    return Content(
        points=points,
        summary=power_laws(points, "flatness", "variance", by=["estimate"]),
        undefined=[
            count_undefined(f"{name} points", points.loc[points["estimate"] == name, "reason"])
            for name in (IN_SAMPLE, HELD_OUT)
        ],
        facts={"sample": settings["sample"], "factor": settings["factor"], "leading": LEADING},
    )


def _estimate(joined: pd.DataFrame, name: str, column: str) -> pd.DataFrame:
    reason = first_reason(
        joined.index,
        [
            (joined["reason"] != "", "flatness undefined"),
            (~joined["width"].gt(0), "flatness not positive"),
            (joined["numerically_zero"].astype(bool), "variance numerically zero"),
            (joined[column].isna(), "index beyond the half sample" if name == HELD_OUT else "variance missing"),
            (~joined[column].gt(0), "variance not positive"),
        ],
    )
    # The flatness stage's own sentence says more than ours.
    reason = reason.where(reason != "flatness undefined", joined["reason"])
    return joined[[*RUN_COLUMNS, "sample", "seed", "index"]].assign(
        estimate=name, factor=joined["factor"], flatness=joined["width"], variance=joined[column], reason=reason
    )
