"""Flatness, loss and accuracy at the end of trainings with different noise (paper C, appendix D)."""

import numpy as np
import pandas as pd

from dropscape.figures import quantities, simulations
from dropscape.figures.content import FigureContent, Settings, TableFiles, first_reason

TRACE, LOSS, ACCURACY = "trace of the Hessian", "loss", "test accuracy"
_COLUMNS = {"trace": TRACE, "loss": LOSS, "test_accuracy": ACCURACY}


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Trace of the Hessian, training loss and test accuracy after trainings with each noise of one experiment.

    points: method, seed, trial, quantity, value, reason (a logarithmic axis shows no trace and no loss that is not
    positive). summary: mean (geometric, of an accuracy arithmetic) and range over the trials with a value, trials and
    undefined. facts: model, side and loss.
    """
    (settings,) = figure["experiments"]
    ends = tables.experiment_table(settings["name"], "noises")
    points, summary = [], []
    for column, quantity in _COLUMNS.items():
        value, logarithmic = ends[column].astype(float), quantity != ACCURACY
        not_positive = logarithmic & (value <= 0)
        reason = first_reason({simulations.DIVERGED: ~np.isfinite(value), f"{quantity} not positive": not_positive})
        shown = ends[["method", "seed", "trial"]].assign(quantity=quantity, value=value, reason=reason)
        points.append(shown)
        summary.append(quantities.over_seeds(shown, ["method", "quantity"], geometric=logarithmic, count="trials"))
    points, summary = pd.concat(points, ignore_index=True), pd.concat(summary, ignore_index=True)
    return FigureContent.counted(points, summary, "measured values", **simulations.inputs_and_loss(settings))
