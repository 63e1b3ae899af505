"""Test accuracy with and without dropout (paper B, Table I; paper A, Fig. 1)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table
from dropscape.figures.tables.content import Content, count_undefined
from dropscape.figures.tables.slices import smallest_keep_prob


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Accuracies at the end of training.

    Args:
        experiments: with ``name``, ``model`` and ``runs``.
        inputs: ``history``, one table per run.

    Returns:
        points: experiment, run, keep_prob, seed, step, train_accuracy, test_accuracy, reason. summary: mean, least and
        greatest test accuracy over seeds.
    """
    runs = [(experiment, run) for experiment in experiments for run in experiment["runs"]]
    frames = []
    for (experiment, run), path in zip(runs, inputs["history"], strict=True):
        last = read_table(path).sort_values("step").groupby("seed").last().reset_index()
        keep_prob = smallest_keep_prob(experiment["runs"][run]["keep_prob"])
        frames.append(last.assign(experiment=experiment["name"], run=run, keep_prob=keep_prob))
    points = pd.concat(frames, ignore_index=True)
    points["reason"] = points["test_accuracy"].isna().map({True: "no test accuracy", False: ""})
    keys = ["experiment", "run", "keep_prob"]
    summary = points.groupby(keys, sort=False)["test_accuracy"].agg(mean="mean", low="min", high="max").reset_index()
    return Content(
        points[[*keys, "seed", "step", "train_accuracy", "test_accuracy", "reason"]],
        summary,
        [count_undefined("accuracies", points["reason"])],
        {},
    )
