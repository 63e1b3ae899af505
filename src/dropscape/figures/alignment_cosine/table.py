"""Cosine of Hessian and noise covariance along training with dropout (paper C, section 5.3 and Fig. 3)."""

import pandas as pd

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles, rows_where

PLAIN, UNBIASED, BASELINE, ROTATED = "plain", "unbiased", "random matrices", "plain, rotated"
READINGS = {  # of paper C, section 5, besides the Hessian of R_S and the covariance of the full batch's gradient
    "cosine_dropout_loss": "Hessian of L_S",
    "cosine_per_example": "covariance of one example's gradient",
    "cosine_dropout_loss_per_example": "both",
}
RANK, R_SQUARED = "rank along eigenvectors", "R² along eigenvectors"
_SPECTRAL = {"rank": RANK, "r_squared": R_SQUARED}
_SPECTRAL |= {f"{column}_rotated": f"{name}, rotated" for column, name in _SPECTRAL.items()}
_COLUMNS = {"cosine": PLAIN, "cosine_unbiased": UNBIASED, "cosine_rotated": ROTATED}
_COLUMNS |= READINGS | {f"{column}_rotated": f"{name}, rotated" for column, name in READINGS.items()}


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The cosine Tr(H Sigma) / (|H| |Sigma|) at every recorded step, and of random matrices.

    points: run, seed, step, quantity (``plain``, the paper's, ``unbiased``, the ``READINGS`` that were measured, at the
    steps whose Hessian has a spectrum ``RANK`` and ``R_SQUARED``, those but ``unbiased`` with ``, rotated``, or
    ``random matrices``), value, reason. A random value has no seed and no step.
    summary: mean and range over seeds; for random matrices over the pairs, with
    the expectation for orthonormal eigenvectors in ``expected``.
    """
    (settings,) = figure["experiments"]
    measured = runs.dropout_run_tables(settings, tables, "alignment")
    names = {column: name for column, name in _COLUMNS.items() if column in measured}
    along = runs.along_training(settings, tables, names)
    if "eigenvectors" in measured:
        spectra = measured[measured["eigenvectors"].notna()]
        spectral = {column: name for column, name in _SPECTRAL.items() if column in measured}
        names |= spectral
        along = pd.concat([along, quantities.long_form(spectra, spectral, [*runs.DROPOUT_RUN, "seed", "step"])])
    points, summary, pairs = [along], [quantities.over_seeds(along, [*runs.DROPOUT_RUN, "quantity", "step"])], 0
    if any(tables.has_run_table(settings["name"], run, "baseline") for run in settings["runs"]):
        drawn = runs.dropout_run_tables(settings, tables, "baseline")
        # The paper's construction; orthonormal eigenvectors have the closed form in ``expected``.
        drawn = rows_where(drawn, eigenvectors="normalised").rename(columns={"cosine": "value"})
        reason = drawn["value"].isna().map({True: "a spectrum is zero", False: ""})
        drawn = drawn.assign(quantity=BASELINE, reason=reason)
        points.append(drawn[[*runs.DROPOUT_RUN, "quantity", "value", "reason"]])
        values = drawn.groupby([*runs.DROPOUT_RUN, "quantity"], sort=False)
        of_pairs = values["value"].agg(mean="mean", low="min", high="max", points="count")
        summary.append(of_pairs.assign(expected=values["expected"].first()).reset_index())
        pairs = int(of_pairs["points"].max())
    points, summary = (pd.concat(frames, ignore_index=True) for frames in (points, summary))
    named = {PLAIN: "plain values", UNBIASED: "unbiased values", BASELINE: "random values"}
    named |= {name: f"values of {name}" for name in (*READINGS.values(), RANK, R_SQUARED) if name in names.values()}
    return FigureContent.counted(points, summary, named, "quantity", pairs=pairs, level=figure["level"])
