"""Cosines between the input weights of a layer's neurons (paper B, Definition 3 and Fig. 7a, b)."""

from collections.abc import Mapping, Sequence
from typing import Any

from dropscape.figures.tables.content import Content, count_undefined, first_reason
from dropscape.figures.tables.runs import RUN, with_runs


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """The cosine of every pair of the drawn neurons, in the order in which they are drawn.

    Args:
        experiments: with ``name``, ``runs`` and ``threshold``, the cosine above which two neurons are parallel.
        inputs: ``similarity``, one table per run.

    Returns:
        points: the run's settings, layer, row, column, cosine, reason. summary: by run and layer the number of neurons
        and the share of pairs (of two neurons) that are parallel, the opposite direction included.
    """
    threshold = experiments[0]["threshold"]
    table = with_runs(experiments, inputs["similarity"])
    points = table[[*RUN, "layer", "row", "column", "cosine"]]
    missing = (points["cosine"].isna(), "a neuron without weights has no direction")
    points = points.assign(reason=first_reason(points.index, [missing]))
    pairs = points[(points["row"] != points["column"]) & (points["reason"] == "")]
    parallel = pairs.assign(parallel=pairs["cosine"].abs() > threshold)
    keys = [*RUN, "layer"]
    summary = points.groupby(keys, sort=False, dropna=False)["row"].nunique().rename("neurons").reset_index()
    share = parallel.groupby(keys, sort=False, dropna=False)["parallel"].mean().reset_index()
    return Content(
        points,
        summary.merge(share, on=keys, how="left"),
        [count_undefined("cosines", points["reason"])],
        {"threshold": threshold},
    )
