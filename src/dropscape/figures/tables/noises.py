"""Where different noises lead: flatness, loss and accuracy at the end of training (paper C, appendix D)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dropscape.artifacts.files import read_table
from dropscape.figures.tables.content import Content, count_undefined, first_reason, inputs_and_loss
from dropscape.figures.tables.over_seeds import over_seeds

TRACE, LOSS, ACCURACY = "trace of the Hessian", "loss", "test accuracy"
_COLUMNS = {"trace": TRACE, "loss": LOSS, "test_accuracy": ACCURACY}


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Trace of the Hessian, training loss and test accuracy after trainings with each noise.

    Args:
        experiments: one, with ``model`` (its hidden units), ``side`` (pixels of an image's side) and ``loss`` (mse or
            torch_mse).
        inputs: ``noises``, one table per experiment.

    Returns:
        points: method, seed, trial, quantity, value, reason (a trace or a loss that is not positive has no place on
        the logarithmic axis). summary: mean (geometric, of an accuracy arithmetic) and range over the trials with a
        value, trials and undefined. facts: model, side and loss.
    """
    (settings,), (path,) = experiments, inputs["noises"]
    ends = read_table(path)
    frames = []
    for column, quantity in _COLUMNS.items():
        value = ends[column].astype(float)
        tests = [(~np.isfinite(value), "the trial had diverged")]
        tests += [(value <= 0, f"{quantity} not positive")] if quantity != ACCURACY else []
        reason = first_reason(ends.index, tests)
        frames.append(ends[["method", "seed", "trial"]].assign(quantity=quantity, value=value, reason=reason))
    points = pd.concat(frames, ignore_index=True)
    keys, of_accuracy = ["method", "quantity"], points["quantity"] == ACCURACY
    parts = [over_seeds(points[~of_accuracy], geometric=True, keys=keys), over_seeds(points[of_accuracy], keys=keys)]
    summary = pd.concat(parts, ignore_index=True).rename(columns={"seeds": "trials"})
    undefined = [count_undefined("measured values", points["reason"])]
    return Content(points, summary, undefined, inputs_and_loss(settings))
