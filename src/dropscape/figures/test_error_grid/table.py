"""Test error by the number of training examples and the keep probability (paper B, Fig. 8)."""

import numpy as np

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The logarithm of the test error at the end of each training.

    points: the run's settings, seed, step, test_loss, value (log10 of it), reason. summary: mean of the logarithm and
    range over seeds.
    """
    last = runs.last_rows(runs.objective_run_tables(figure, tables, "history"))
    points = last[[*runs.OBJECTIVE_RUN, "seed", "step", "test_loss"]]
    # A loss of 0 or one that is not finite has no logarithm.
    usable = points["test_loss"].gt(0) & points["test_loss"].lt(np.inf)
    reason = usable.map({True: "", False: "test error without a logarithm"})
    points = points.assign(value=np.log10(points["test_loss"].where(usable)), reason=reason)
    summary = quantities.over_seeds(points, runs.OBJECTIVE_RUN)
    return FigureContent.counted(points, summary, "test errors", level=figure["level"])
