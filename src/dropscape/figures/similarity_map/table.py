"""Cosines between the input weights of a layer's neurons (paper B, Definition 3 and Fig. 7a, b)."""

from dropscape.figures import runs
from dropscape.figures.content import FigureContent, Settings, TableFiles


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The cosine of every pair of the drawn neurons, in the order in which they are drawn.

    points: the run's settings, layer, row, column, cosine, reason. summary: by run and layer the number of neurons and
    the share of pairs (of two neurons) that are parallel, the opposite direction included: the modulus of their cosine
    is above the experiment's ``threshold``.
    """
    threshold = figure["experiments"][0]["threshold"]
    keys = [*runs.OBJECTIVE_RUN, "layer"]
    points = runs.objective_run_tables(figure, tables, "similarity")[[*keys, "row", "column", "cosine"]]
    missing = points["cosine"].isna()
    points = points.assign(reason=missing.map({True: "a neuron without weights has no direction", False: ""}))
    pairs = points[(points["row"] != points["column"]) & (points["reason"] == "")]
    parallel = pairs.assign(parallel=pairs["cosine"].abs() > threshold)
    neurons = points.groupby(keys, sort=False, dropna=False)["row"].nunique().rename("neurons").reset_index()
    share = parallel.groupby(keys, sort=False, dropna=False)["parallel"].mean().reset_index()
    summary = neurons.merge(share, on=keys, how="left")
    return FigureContent.counted(points, summary, "cosines", threshold=threshold)
