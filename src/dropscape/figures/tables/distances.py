"""How far neurons move from their initialisation, by the width of the network (paper D, Lemma 5.2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table
from dropscape.figures.tables.content import Content, count_undefined
from dropscape.figures.tables.over_seeds import over_seeds
from dropscape.figures.tables.runs import quantities
from dropscape.subnetworks.slopes import at_last_step, distance_slopes

LARGEST, MEAN = "largest", "mean"
SLOPES = {LARGEST: "slope of the largest", MEAN: "slope of the mean"}
KEYS = ["experiment", "width", "keep_prob", "quantity"]


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """The distances |w_r,T - w_r,1| at the last iterate, and what the max-norm projection did.

    Args:
        experiments: with ``name``.
        inputs: ``distances``, one table per experiment.

    Returns:
        points: experiment, width, keep_prob, seed, quantity (``largest`` or ``mean`` over the neurons; ``SLOPES`` of
        their logs over log width, without a width), value, reason. summary: geometric mean and range over seeds; of the
        slopes mean and range. facts: ``trainings``; ``projected``, how many neurons were in all of them;
        ``norm_over_bound``, the largest norm of a neuron at any recorded iterate over its bound c.
    """
    ends, slopes, facts = [], [], {"trainings": 0, "projected": 0, "norm_over_bound": 0.0}
    for experiment, path in zip(experiments, inputs["distances"], strict=True):
        distances = read_table(path)
        last = at_last_step(distances).assign(experiment=experiment["name"])
        ends.append(quantities(last, {LARGEST: LARGEST, MEAN: MEAN}, ["experiment", "width", "keep_prob", "seed"]))
        for column, name in SLOPES.items():
            fitted = distance_slopes(distances, column).assign(experiment=experiment["name"])
            slopes.append(quantities(fitted, {"slope": name}, ["experiment", "keep_prob", "seed"]))
        facts["trainings"] += len(last)
        facts["projected"] += int(last["projected"].sum())
        relative = float((distances["largest_norm"] / distances["bound"]).max())
        facts["norm_over_bound"] = max(facts["norm_over_bound"], relative)
    end, slope = pd.concat(ends, ignore_index=True), pd.concat(slopes, ignore_index=True)
    unseen = (end["reason"] == "") & (end["value"] <= 0)
    end["reason"] = end["reason"].mask(unseen, "no neuron has moved")
    slope["reason"] = slope["reason"].mask(slope["reason"] != "", "fewer than three widths")
    summary = [
        over_seeds(end, geometric=True, keys=KEYS),
        over_seeds(slope, keys=["experiment", "keep_prob", "quantity"]),
    ]
    undefined = [count_undefined("distances", end["reason"]), count_undefined("slopes", slope["reason"])]
    return Content(pd.concat([end, slope], ignore_index=True), pd.concat(summary, ignore_index=True), undefined, facts)
