"""Normalised test errors of regressions by the number of training examples and keep probability (paper B, Fig. 8)."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.claims.statistic import NotMeasuredError, Tables
from dropscape.numerics.regression import interpolant_error, normalised_errors

Errors = dict[float, dict[int, NDArray]]


def log_errors(tables: Tables, experiment: str) -> tuple[Errors, dict[int, float]]:
    """log10 of the normalised test error.

    By keep probability (1 without dropout) and number of training examples that of each seed (S,), and by number of
    training examples that of the straight lines between the points; an error of 0 is NaN. Two runs that differ in
    something else are a NotMeasuredError.
    """
    networks: Errors = {}
    interpolants = {}
    for run in tables.experiment_runs(experiment):
        predictions, count = tables.run_table(run, "predictions"), run.settings["train_examples"]
        keep_prob = 1.0 if run.objective == "risk" else run.settings["keep_prob"]
        if count in networks.setdefault(keep_prob, {}):
            raise NotMeasuredError(
                f"{experiment} has two runs of keep probability {keep_prob:g} and {count} examples: '{run.name}' is one"
            )
        networks[keep_prob][count] = _log10(normalised_errors(predictions).sort_index())
        interpolants[count] = float(_log10(interpolant_error(predictions)))
    return {keep_prob: dict(sorted(each.items())) for keep_prob, each in networks.items()}, interpolants


def _log10(errors: ArrayLike) -> NDArray:
    errors = np.asarray(errors, dtype=float)
    return np.log10(np.where(errors > 0, errors, math.nan))
