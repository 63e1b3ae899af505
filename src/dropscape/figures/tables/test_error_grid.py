"""Test error by the number of training examples and the keep probability (paper B, Fig. 8)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dropscape.figures.tables.content import Content, count_undefined, first_reason
from dropscape.figures.tables.over_seeds import over_seeds
from dropscape.figures.tables.runs import RUN, last_rows, with_runs


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """The logarithm of the test error at the end of each training.

    Args:
        experiments: with ``name``, ``runs`` and ``level``, the number of the teacher's free parameters (None: unknown).
        inputs: ``history``, one table per run.

    Returns:
        points: the run's settings, seed, step, test_loss, value (log10 of it), reason. summary: mean of the logarithm
        and range over seeds.
    """
    last = last_rows(with_runs(experiments, inputs["history"]))
    points = last[[*RUN, "seed", "step", "test_loss"]]
    # A loss of 0 or one that is not finite has no logarithm.
    usable = points["test_loss"].gt(0) & points["test_loss"].lt(np.inf)
    points = points.assign(
        value=np.log10(points["test_loss"].where(usable)),
        reason=first_reason(points.index, [(~usable, "test error without a logarithm")]),
    )
    return Content(
        points,
        over_seeds(points, keys=RUN),
        [count_undefined("test errors", points["reason"])],
        {"level": experiments[0]["level"]},
    )
