"""Trials of dropout and its equations, which several kinds of figures show (paper C)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dropscape.artifacts.tables import TableFiles
from dropscape.figures.content import FigureContent, Settings, count_undefined
from dropscape.figures.quantities import long_form, over_seeds

POINT = ["run", "learning_rate", "keep_prob"]
DIVERGED = "the trial had diverged"


def inputs_and_loss(experiment: Settings) -> dict[str, Any]:
    """What a figure's text says of an experiment: model, side of the images (pixels) and loss."""
    return {key: experiment[key] for key in ("model", "side", "loss")}


def simulations(
    figure: Settings, tables: TableFiles, methods: Sequence[str], columns: Mapping[str, str]
) -> FigureContent:
    """Quantities along training at the points that a figure shows.

    Args:
        figure: one experiment, with ``runs`` (by name the learning_rate and keep_prob of a point), ``model`` (its
            hidden units), ``side`` (of the images, in pixels) and ``loss`` (mse or torch_mse).
        tables: ``trajectories`` of the experiment.
        methods: those that are shown, if they were simulated.
        columns: the quantity's name by column.

    Returns:
        points: the point's run, learning_rate and keep_prob, method, seed, trial, step, quantity, value, reason.
        summary: mean, low and high over the trials with a value by step, trials (that have one) and undefined (that
        have none). facts: model, side and loss; diverged, a list of run, method, trials (those without a loss at the
        end), of (how many there are) and step (the first recorded one without a loss).
    """
    (settings,) = figure["experiments"]
    shown = _at_points(tables.experiment_table(settings["name"], "trajectories"), settings["runs"])
    shown = shown[shown["method"].isin(methods)].assign(lost=lambda rows: rows["loss"].isna())
    points = long_form(shown, columns, [*POINT, "method", "seed", "trial", "step", "lost"])
    points["reason"] = points["reason"].mask(points.pop("lost"), DIVERGED)
    summary = over_seeds(points, [*POINT, "method", "quantity", "step"], count="trials")
    undefined = [count_undefined("recorded values", points["reason"])]
    return FigureContent(points, summary, undefined, inputs_and_loss(settings) | {"diverged": _diverged(shown)})


def _at_points(table: pd.DataFrame, runs: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """The rows of each run's point, with the run's name, small learning rates and little dropout first."""
    frames = []
    for name, run in sorted(runs.items(), key=lambda item: (item[1]["learning_rate"], -item[1]["keep_prob"])):
        at_point = np.isclose(table[list(run)], list(run.values())).all(axis=1)
        frames.append(table[at_point].assign(run=name))
    return pd.concat(frames, ignore_index=True)


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
