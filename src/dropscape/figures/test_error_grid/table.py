"""Test error by the number of training examples and the keep probability (paper B, Fig. 8)."""

import numpy as np
import pandas as pd

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles
from dropscape.numerics.regression import interpolant_error, normalised_errors

LINES = "interpolant"  # the straight lines between the training points, beside the objectives


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The logarithm of the test error over the target's variance, at the end of each training.

    points: the run's settings, seed, error, value (log10 of it), reason; for each number of examples also the error of
    the straight lines between the training points, as the objective ``LINES``, without run and seed. summary: mean of
    the logarithm and range over seeds.
    """
    predictions = runs.objective_run_tables(figure, tables, "predictions").fillna({"initial_scale": ""})
    rows = []
    for _, one in predictions.groupby(["experiment", "run"], sort=False):
        run = {key: one[key].iloc[0] for key in runs.OBJECTIVE_RUN}
        rows += [run | {"seed": seed, "error": error} for seed, error in normalised_errors(one).items()]
        rows.append(run | {"run": "", "objective": LINES, "keep_prob": np.nan, "error": interpolant_error(one)})
    points = pd.DataFrame(rows).drop_duplicates(["experiment", "run", "train_examples", "seed"])
    # An error of 0 or one that is not finite has no logarithm.
    usable = points["error"].gt(0) & points["error"].lt(np.inf)
    reason = usable.map({True: "", False: "test error without a logarithm"})
    points = points.assign(value=np.log10(points["error"].where(usable)), reason=reason)
    summary = quantities.over_seeds(points, runs.OBJECTIVE_RUN)
    return FigureContent.counted(points, summary, "test errors", level=figure["level"])
