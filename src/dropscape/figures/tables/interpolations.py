"""The loss between the end points of trainings on two objectives (paper B, section VII.C and Fig. 14)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table
from dropscape.figures.tables.content import Content, count_undefined
from dropscape.figures.tables.over_seeds import over_seeds
from dropscape.figures.tables.runs import described, quantities

PAIR = ["experiment", "first_objective", "second_objective", "first", "second", "keep_prob", "learning_rate"]


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """R_S without dropout on the line between every pair's end points.

    Args:
        experiments: one, with ``name`` and ``runs``.
        inputs: ``interpolations``, one table per experiment.

    Returns:
        points: experiment, the objectives and runs of the pair, keep_prob (the smaller one, since the risk has none)
        and learning_rate (of the first run), seed, alpha, quantity, value, reason. summary: mean and range over seeds.
    """
    (settings,) = experiments
    (path,) = inputs["interpolations"]
    between = read_table(path)
    pairs = []
    for first, second in between[["first", "second"]].drop_duplicates().itertuples(index=False):
        one, other = described(settings, first), described(settings, second)
        pairs.append(
            {
                "experiment": settings["name"],
                "first_objective": one["objective"],
                "second_objective": other["objective"],
                "first": first,
                "second": second,
                "keep_prob": min(one["keep_prob"], other["keep_prob"]),
                "learning_rate": one["learning_rate"],
            }
        )
    joined = pd.DataFrame(pairs).merge(between, on=["first", "second"])
    points = quantities(joined, {"loss": "loss"}, [*PAIR, "seed", "alpha"])
    summary = over_seeds(points, keys=[*PAIR, "alpha"])
    return Content(points, summary, [count_undefined("losses", points["reason"])], {})
