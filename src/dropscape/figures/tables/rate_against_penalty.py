"""The learning rate of dropout against the weight of R_2 that should stand for it (paper B, section V.B and Fig. 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.figures.tables.content import Content, count_undefined
from dropscape.figures.tables.over_seeds import over_seeds
from dropscape.figures.tables.runs import RUN, last_rows, quantities, with_runs

ACCURACY, RATIO = "test accuracy", "loss over squared gradient"
# What stands on the horizontal axis for each of the two objectives.
VARIED = {"dropout": "learning_rate", "dropout_plus_r2": "penalty"}


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Test accuracy at the end of training and E R_S^drop / E |grad R_S^drop|^2 there.

    Args:
        experiments: one, with ``name`` and ``runs``; those on other objectives than the two are left out.
        inputs: ``history`` and ``ratios``, one table per run each.

    Returns:
        points: the run's settings, seed, varied (the learning rate for ``dropout``, the penalty for
        ``dropout_plus_r2``), quantity, value, reason. summary: mean and range over seeds, and ``best``, whether the
        objective's mean accuracy is greatest there.
    """
    accuracies = quantities(
        last_rows(with_runs(experiments, inputs["history"])), {"test_accuracy": ACCURACY}, [*RUN, "seed"]
    )
    ratios = quantities(with_runs(experiments, inputs["ratios"]), {"ratio": RATIO}, [*RUN, "seed"])
    points = pd.concat([accuracies, ratios], ignore_index=True)
    points = points[points["objective"].isin(list(VARIED))].reset_index(drop=True)
    points.insert(
        len(RUN), "varied", points["learning_rate"].where(points["objective"] == "dropout", points["penalty"])
    )
    summary = over_seeds(points, keys=[*RUN, "varied", "quantity"])
    greatest = summary.groupby(["objective", "quantity"])["mean"].transform("max")
    summary["best"] = (summary["quantity"] == ACCURACY) & (summary["mean"] == greatest)
    undefined = [count_undefined("values", points["reason"])]
    return Content(points, summary.sort_values(["objective", "quantity", "varied"]), undefined, {})
