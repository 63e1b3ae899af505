"""Flatness, loss and accuracy along trainings with different noise (paper C, appendix D)."""

import numpy as np
import pandas as pd

from dropscape.figures import quantities, simulations
from dropscape.figures.content import FigureContent, Settings, TableFiles, first_reason

TRACE, LOSS, ACCURACY = "trace of the Hessian", "loss", "test accuracy"
_COLUMNS = {"trace": TRACE, "loss": LOSS, "test_accuracy": ACCURACY}


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Trace of the Hessian, training loss and test accuracy along trainings with each noise of one experiment.

    points: method, seed, trial, step, quantity, value, reason (a logarithmic axis shows no trace and no loss that is
    not positive). summary: mean (geometric, of an accuracy arithmetic) and range over the trials with a value by step,
    trials and undefined. facts: model, side and loss.
    """
    (settings,) = figure["experiments"]
    noises = tables.experiment_table(settings["name"], "noises")
    points, summary = [], []
    for column, quantity in _COLUMNS.items():
        value, logarithmic = noises[column].astype(float), quantity != ACCURACY
        not_positive = logarithmic & (value <= 0)
        reason = first_reason({simulations.DIVERGED: ~np.isfinite(value), f"{quantity} not positive": not_positive})
        keys = ["method", "seed", "trial", "step"]
        shown = noises[keys].assign(quantity=quantity, value=value, reason=reason)
        points.append(shown)
        by = ["method", "quantity", "step"]
        summary.append(quantities.over_seeds(shown, by, geometric=logarithmic, count="trials"))
    points, summary = pd.concat(points, ignore_index=True), pd.concat(summary, ignore_index=True)
    return FigureContent.counted(points, summary, "measured values", **simulations.inputs_and_loss(settings))
