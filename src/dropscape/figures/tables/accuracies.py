"""Test accuracy with and without dropout (paper B, Table I; paper A, Fig. 1)."""

import math
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
        inputs: ``history``, one table per run, and ``translations``, one per run of a transformer.

    Returns:
        points: experiment, run, keep_prob, seed, step, train_accuracy, test_accuracy, bleu (of transformers), reason.
        summary: mean, least and greatest test accuracy over seeds, and the mean bleu.
    """
    translations = iter(inputs.get("translations", []))
    runs = [(experiment, run) for experiment in experiments for run in experiment["runs"]]
    frames = []
    for (experiment, run), path in zip(runs, inputs["history"], strict=True):
        last = read_table(path).sort_values("step").groupby("seed").last().reset_index()
        keep_prob = smallest_keep_prob(experiment["runs"][run]["keep_prob"])
        if experiment["model"] == "transformer":
            last["bleu"] = last["seed"].map(read_table(next(translations)).groupby("seed")["bleu"].first())
        else:
            last["bleu"] = math.nan
        frames.append(last.assign(experiment=experiment["name"], run=run, keep_prob=keep_prob))
    points = pd.concat(frames, ignore_index=True)
    points["reason"] = points["test_accuracy"].isna().map({True: "no test accuracy", False: ""})
    keys = ["experiment", "run", "keep_prob"]
    of_run = points.groupby(keys, sort=False)
    summary = of_run["test_accuracy"].agg(mean="mean", low="min", high="max").assign(bleu=of_run["bleu"].mean())
    return Content(
        points[[*keys, "seed", "step", "train_accuracy", "test_accuracy", "bleu", "reason"]],
        summary.reset_index(),
        [count_undefined("accuracies", points["reason"])],
        {},
    )
