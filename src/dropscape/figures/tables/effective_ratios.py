"""The share of neurons of different orientation along training (paper B, Definition 2 and Fig. 7c)."""

from collections.abc import Mapping, Sequence
from typing import Any

from dropscape.figures.tables.content import Content, count_undefined
from dropscape.figures.tables.over_seeds import over_seeds
from dropscape.figures.tables.runs import RUN, quantities, with_runs

SIGNED, UNSIGNED = "effective ratio", "effective ratio, opposite directions as one"


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Both effective ratios at every recorded step.

    Args:
        experiments: with ``name``, ``runs`` and ``threshold``, the cosine above which two neurons are parallel.
        inputs: ``condensation``, one table per run.

    Returns:
        points: the run's settings, layer, seed, step, quantity, value, reason. summary: mean and range over seeds.
    """
    table = with_runs(experiments, inputs["condensation"])
    names = {"effective_ratio": SIGNED, "effective_ratio_unsigned": UNSIGNED}
    points = quantities(table, names, [*RUN, "layer", "seed", "step"])
    return Content(
        points,
        over_seeds(points, keys=[*RUN, "layer", "quantity", "step"]),
        [count_undefined("ratios", points["reason"])],
        {"threshold": experiments[0]["threshold"]},
    )
