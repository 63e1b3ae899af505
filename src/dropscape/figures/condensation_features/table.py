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
    amplitude, share (of the max amplitude of that network), drawn (the first seed's first layer), reason. summary: what
    the output panels show: the run's settings, seed, quantity (``output`` or ``training data``), x and value.
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
    data = runs.objective_run_tables(figure, tables, "examples").rename(columns={"y": "value"}).assign(quantity=DATA)
    columns = ["seed", "layer", "step", "moment", "neuron", "orientation", "amplitude", "share", "drawn", "reason"]
    points = points[[*runs.OBJECTIVE_RUN, *columns]]
    summary = pd.concat([outputs, data], ignore_index=True)[[*runs.OBJECTIVE_RUN, "seed", "quantity", "x", "value"]]
    shares = _leading_shares(runs.objective_run_tables(figure, tables, "condensation"))
    return FigureContent.counted(points, summary, "neurons", leading_shares=shares)


def _at_both_ends(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's first and last step, with ``moment``."""
    steps = table.groupby(["experiment", "run"])["step"]
    moment = pd.Series("", index=table.index).mask(table["step"] == steps.transform("max"), LAST)
    moment = moment.mask(table["step"] == steps.transform("min"), FIRST)
    return table.assign(moment=moment)[moment != ""].reset_index(drop=True)


def _leading_shares(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Mean over seeds of the first layer's leading share at the first and the last step, None if undefined, by run."""
    condensed = _at_both_ends(table)
    first = condensed.groupby(["experiment", "run"])["layer"].transform("first")
    means = condensed[condensed["layer"] == first].groupby(["experiment", "run", "moment"])["leading_share"].mean()
    return [
        {"experiment": experiment, "run": run}
        | {moment: None if math.isnan(share) else share for moment, share in shares.droplevel([0, 1]).items()}
        for (experiment, run), shares in means.groupby(["experiment", "run"])
    ]
