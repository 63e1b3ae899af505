"""Functions that networks of one input learn, and the orientation of their neurons (paper B, Fig. 1a, 4, 5, 6, 9b)."""

import math
from typing import Any

import pandas as pd

from dropscape.figures import runs
from dropscape.figures.content import FigureContent, Settings, TableFiles, first_reason, rows_where

FIRST, LAST = "first", "last"
OUTPUT, DATA = "output", "training data"


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The neurons at the first and the last step, and the function at the last.

    points: the run's settings, seed, layer, step, moment (``first`` or ``last``), neuron, orientation (radians),
    amplitude, share (of the max amplitude of that network), dead (it contributes next to nothing), drawn (the first
    seed's first layer), reason. summary: what the output panels show: the run's settings, seed, quantity (``output`` or
    ``training data``), x and value.
    """
    points = _at_both_ends(runs.objective_run_tables(figure, tables, "neurons"))
    network = [points[key] for key in ("experiment", "run", "seed", "layer", "step")]
    points["share"] = points["amplitude"] / points["amplitude"].groupby(network).transform("max")
    by_run = points.groupby(["experiment", "run"])
    first_seed, first_layer = (points[key] == by_run[key].transform("first") for key in ("seed", "layer"))
    points["drawn"] = first_seed & first_layer
    no_angle = "no angle: its input has several dimensions, or its weights are zero"
    points["reason"] = first_reason({no_angle: points["orientation"].isna(), "no amplitude": points["share"].isna()})
    outputs = rows_where(_at_both_ends(runs.objective_run_tables(figure, tables, "function")), moment=LAST)
    outputs = outputs.rename(columns={"output": "value"}).assign(quantity=OUTPUT)
    data = rows_where(runs.objective_run_tables(figure, tables, "predictions"), split="train")
    data = data.rename(columns={"target": "value"}).assign(quantity=DATA)
    where = ["seed", "layer", "step", "moment", "neuron"]
    points = points[[*runs.OBJECTIVE_RUN, *where, "orientation", "amplitude", "share", "dead", "drawn", "reason"]]
    summary = pd.concat([outputs, data], ignore_index=True)[[*runs.OBJECTIVE_RUN, "seed", "quantity", "x", "value"]]
    condensed = _condensed(runs.objective_run_tables(figure, tables, "condensation"))
    return FigureContent.counted(points, summary, "neurons", condensed=condensed)


def _at_both_ends(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's first and last step, with ``moment``."""
    steps = table.groupby(["experiment", "run"])["step"]
    moment = pd.Series("", index=table.index).mask(table["step"] == steps.transform("max"), LAST)
    moment = moment.mask(table["step"] == steps.transform("min"), FIRST)
    return table.assign(moment=moment)[moment != ""].reset_index(drop=True)


def _condensed(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Means over seeds of the first layer's leading share at both ends, and its rotation and movement, by run."""
    ends = _at_both_ends(table)
    ends = ends[ends["layer"] == ends.groupby(["experiment", "run"])["layer"].transform("first")]
    found = []
    for (experiment, run), rows in ends.groupby(["experiment", "run"]):
        first, last = (rows_where(rows, moment=moment) for moment in (FIRST, LAST))
        means = {FIRST: first["leading_share"], LAST: last["leading_share"]}
        means |= {key: last[key] for key in ("rotation", "movement")}
        values = {key: None if math.isnan(column.mean()) else column.mean() for key, column in means.items()}
        found.append({"experiment": experiment, "run": run} | values)
    return found
