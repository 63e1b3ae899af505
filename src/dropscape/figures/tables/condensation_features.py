"""Functions that networks of one input learn, and the orientation of their neurons (paper B, Fig. 1a, 4, 5, 6, 9b)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.figures.tables.content import Content, count_undefined, first_reason
from dropscape.figures.tables.runs import RUN, with_runs

FIRST, LAST = "first", "last"
OUTPUT, DATA = "output", "training data"


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """The neurons at the first and the last step, and the function at the last.

    Args:
        experiments: with ``name`` and ``runs``.
        inputs: ``neurons``, ``function`` and ``condensation``, one table per run each; and ``examples``, the training
            data of each run.

    Returns:
        points: the run's settings, seed, layer, step, moment (``first`` or ``last``), neuron, orientation (radians),
        amplitude, share (of the greatest amplitude of that network), drawn (the first seed's first layer), reason.
        summary: what the output panels show: the run's settings, seed, quantity (``output`` or ``training data``), x
        and value.
    """
    points = _of_moments(with_runs(experiments, inputs["neurons"]))
    network = [points[key] for key in ("experiment", "run", "seed", "layer", "step")]
    points["share"] = points["amplitude"] / points["amplitude"].groupby(network).transform("max")
    where = points.groupby(["experiment", "run"])
    points["drawn"] = (points["seed"] == where["seed"].transform("first")) & (
        points["layer"] == where["layer"].transform("first")
    )
    points["reason"] = first_reason(
        points.index,
        [
            (points["orientation"].isna(), "no angle: its input has several dimensions, or its weights are zero"),
            (points["share"].isna(), "no amplitude"),
        ],
    )
    function = _of_moments(with_runs(experiments, inputs["function"]))
    outputs = function[function["moment"] == LAST].rename(columns={"output": "value"})
    data = with_runs(experiments, inputs["examples"]).rename(columns={"y": "value"})
    summary = pd.concat([outputs.assign(quantity=OUTPUT), data.assign(quantity=DATA)], ignore_index=True)
    columns = ["seed", "layer", "step", "moment", "neuron", "orientation", "amplitude", "share", "drawn", "reason"]
    return Content(
        points[[*RUN, *columns]],
        summary[[*RUN, "seed", "quantity", "x", "value"]],
        [count_undefined("neurons", points["reason"])],
        {"leading_shares": _leading_shares(experiments, inputs["condensation"])},
    )


def _of_moments(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's first and last step, with ``moment``."""
    steps = table.groupby(["experiment", "run"])["step"]
    moment = pd.Series("", index=table.index).mask(table["step"] == steps.transform("max"), LAST)
    moment = moment.mask(table["step"] == steps.transform("min"), FIRST)
    return table.assign(moment=moment)[moment != ""].reset_index(drop=True)


def _leading_shares(experiments: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[dict[str, Any]]:
    """Mean over seeds of the first layer's leading share at the first and the last step, None if undefined, by run."""
    condensed = _of_moments(with_runs(experiments, paths))
    first = condensed.groupby(["experiment", "run"])["layer"].transform("first")
    means = condensed[condensed["layer"] == first].groupby(["experiment", "run", "moment"])["leading_share"].mean()
    return [
        {"experiment": experiment, "run": run}
        | {moment: None if math.isnan(share) else share for moment, share in own.droplevel([0, 1]).items()}
        for (experiment, run), own in means.groupby(["experiment", "run"])
    ]
