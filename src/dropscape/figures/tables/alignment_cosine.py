"""Cosine of Hessian and noise covariance along training with dropout (paper C, section 5.3 and Fig. 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.figures.tables.content import RUN_COLUMNS, Content, count_undefined, of_runs
from dropscape.figures.tables.over_seeds import long_format, over_seeds

PLAIN, UNBIASED, BASELINE = "plain", "unbiased", "random matrices"


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """The cosine Tr(H Sigma) / (|H| |Sigma|) at every recorded step, and of random matrices.

    Args:
        experiments: one, with ``runs``, ``dropout`` and ``level``, the paper's (None where it has none).
        inputs: ``alignment`` and, if it is measured, ``baseline``, one table per run each.

    Returns:
        points: run, seed, step, quantity (``plain``, the paper's, ``unbiased``, or ``random matrices``), value, reason.
        A random value has no seed and no step. summary: mean and range over seeds; for random matrices over the pairs,
        with the expectation for orthonormal eigenvectors in ``expected``.
    """
    (settings,) = experiments
    along = long_format(of_runs(settings, inputs["alignment"]), {"cosine": PLAIN, "cosine_unbiased": UNBIASED})
    points, summary = [along], [over_seeds(along)]
    undefined = [
        count_undefined(f"{name} values", along.loc[along["quantity"] == name, "reason"]) for name in (PLAIN, UNBIASED)
    ]
    if inputs.get("baseline"):
        drawn = of_runs(settings, inputs["baseline"])
        # The paper's construction; orthonormal eigenvectors have the closed form in ``expected``.
        drawn = drawn[drawn["eigenvectors"] == "normalised"].rename(columns={"cosine": "value"})
        reason = drawn["value"].isna().map({True: "a spectrum is zero", False: ""})
        drawn = drawn.assign(quantity=BASELINE, reason=reason)
        points.append(drawn[[*RUN_COLUMNS, "quantity", "value", "reason"]])
        summary.append(_baseline(drawn))
        undefined.append(count_undefined("random values", drawn["reason"]))
    return Content(
        pd.concat(points, ignore_index=True),
        pd.concat(summary, ignore_index=True),
        undefined,
        {"pairs": int(summary[1]["points"].max()) if len(summary) > 1 else 0, "level": settings["level"]},
    )


def _baseline(drawn: pd.DataFrame) -> pd.DataFrame:
    return (
        drawn.groupby([*RUN_COLUMNS, "quantity"], sort=False)
        .agg(
            mean=("value", "mean"),
            low=("value", "min"),
            high=("value", "max"),
            points=("value", "count"),
            expected=("expected", "first"),
        )
        .reset_index()
    )
