"""Slices of the loss through end points of training with and without dropout (paper A, section 5 and Fig. 1)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table
from dropscape.figures.tables.content import Content, count_undefined


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """The loss at every alpha of every direction, and its mean and quartiles over directions and seeds.

    Args:
        experiments: with ``name``, ``model``, ``loss`` and ``runs``.
        inputs: ``slices`` and ``history``, one table per run each.

    Returns:
        points: experiment, run, keep_prob, seed, direction, alpha, loss, reason. summary: experiment, run, keep_prob,
        alpha, low, median, high (quartiles), and the run's mean test accuracy and training loss at its end.
    """
    points, ends = [], []
    runs = [(experiment, run) for experiment in experiments for run in experiment["runs"]]
    for (experiment, run), slices, history in zip(runs, inputs["slices"], inputs["history"], strict=True):
        keep_prob = smallest_keep_prob(experiment["runs"][run]["keep_prob"])
        key = {"experiment": experiment["name"], "run": run, "keep_prob": keep_prob}
        points.append(read_table(slices).assign(**key))
        last = read_table(history).sort_values("step").groupby("seed").last()
        ends.append(key | {"test_accuracy": last["test_accuracy"].mean(), "train_loss": last["loss"].mean()})
    table = pd.concat(points, ignore_index=True)
    table["reason"] = table["loss"].isna().map({True: "the loss is not finite", False: ""})
    keys = ["experiment", "run", "keep_prob"]
    losses = table.groupby([*keys, "alpha"], sort=False)["loss"]
    quartiles = {"low": 0.25, "median": 0.5, "high": 0.75}
    summary = pd.DataFrame({name: losses.quantile(share) for name, share in quartiles.items()}).reset_index()
    return Content(
        points=table[[*keys, "seed", "direction", "alpha", "loss", "reason"]],
        summary=summary.merge(pd.DataFrame(ends), on=keys),
        undefined=[count_undefined("losses", table["reason"])],
        facts={
            "directions": int(table["direction"].nunique()),
            "losses": [experiment["loss"] for experiment in experiments],
        },
    )


def smallest_keep_prob(keep_prob: float | Sequence[float]) -> float:
    """The one number that stands for a run's keep probabilities; 1 only without dropout."""
    return keep_prob if isinstance(keep_prob, float | int) else min(keep_prob)
