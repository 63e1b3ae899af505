"""Trials of dropout and its equations, which several kinds of figures show (paper C)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dropscape.figures.content import FigureContent, Settings, TableFiles
from dropscape.figures.quantities import long_form, over_seeds

POINT = ["run", "learning_rate", "keep_prob"]
DIVERGED = "the trial had diverged"


def inputs_and_loss(experiment: Settings) -> dict[str, Any]:
    """What a figure's text says of an experiment: model (its hidden units), side of the images (pixels) and loss.

    And estimated: batch_size, samples and many_samples of its trajectories, None without any.
    """
    return {key: experiment[key] for key in ("model", "side", "loss", "estimated")}


def simulations(
    figure: Settings, tables: TableFiles, methods: Sequence[str], columns: Mapping[str, str]
) -> FigureContent:
    """Quantities along training at the points that a figure shows.

    The figure has one experiment, with ``runs`` (by name the learning_rate and keep_prob of a point). The methods are
    shown if they were simulated; ``columns`` are the quantities' names by column.

    points: the point's run, learning_rate and keep_prob, method, seed, trial, step, quantity, value, reason. summary:
    mean, low and high over the trials with a value by step, trials (that have one) and undefined (that have none).
    facts: model, side and loss; diverged, a list of run, method, trials (those without a loss at the end), of (how many
    there are) and step (the first recorded one without a loss).
    """
    (settings,) = figure["experiments"]
    shown = _at_points(tables.experiment_table(settings["name"], "trajectories"), settings["runs"])
    shown = shown[shown["method"].isin(methods)].assign(lost=lambda rows: rows["loss"].isna())
    points = long_form(shown, columns, [*POINT, "method", "seed", "trial", "step", "lost"])
    points["reason"] = points["reason"].mask(points.pop("lost"), DIVERGED)
    summary = over_seeds(points, [*POINT, "method", "quantity", "step"], count="trials")
    facts = inputs_and_loss(settings) | {"diverged": _diverged(shown)}
    return FigureContent.counted(points, summary, "recorded values", **facts)


def _at_points(table: pd.DataFrame, runs: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """The rows of each run's point, with the run's name, small learning rates and little dropout first."""
    ordered = sorted(runs.items(), key=lambda item: (item[1]["learning_rate"], -item[1]["keep_prob"]))
    at_points = {name: np.isclose(table[list(run)], list(run.values())).all(axis=1) for name, run in ordered}
    return pd.concat([table[rows].assign(run=name) for name, rows in at_points.items()], ignore_index=True)


def _diverged(shown: pd.DataFrame) -> list[dict[str, Any]]:
    """Which trials of which method have no loss at the end, and the first recorded step without one."""
    entries = []
    for (run, method), rows in shown.groupby(["run", "method"], sort=False):
        lost = rows[rows["lost"]]
        if len(lost):
            trials = sorted({int(trial) for trial in lost["trial"]})
            entry = {"run": run, "method": method, "trials": trials, "of": int(rows["trial"].nunique())}
            entries.append(entry | {"step": int(lost["step"].min())})
    return entries
