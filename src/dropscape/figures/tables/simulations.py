"""What the figures of trajectories share: trials of several methods at several points (paper C, Fig. 1a and 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dropscape.artifacts.files import read_table
from dropscape.figures.tables.content import Content, count_undefined, first_reason, inputs_and_loss
from dropscape.figures.tables.over_seeds import over_seeds

POINT = ["run", "learning_rate", "keep_prob"]
CURVE = [*POINT, "method", "quantity"]
DIVERGED = "the trial had diverged"


def simulations(
    experiments: Sequence[Mapping[str, Any]],
    inputs: Mapping[str, Sequence[str]],
    methods: Sequence[str],
    quantities: Mapping[str, str],
) -> Content:
    """Quantities along training of the methods at the points that a figure shows.

    Args:
        experiments: one, with ``runs`` (by name the learning_rate and keep_prob of a point), ``model`` (its hidden
            units), ``side`` (pixels of an image's side) and ``loss`` (mse or torch_mse).
        inputs: ``trajectories``, one table per experiment.
        methods: those that are shown, if they were simulated.
        quantities: the quantity's name by column.

    Returns:
        points: the point's run, learning_rate and keep_prob, method, seed, trial, step, quantity, value, reason.
        summary: mean, low and high over the trials with a value by step, trials (that have one) and undefined (that
        have none). facts: model, side and loss; diverged, a list of run, method, trials (those without a loss at the
        end), of (how many there are) and step (the first recorded one without a loss).
    """
    (settings,), (path,) = experiments, inputs["trajectories"]
    shown = _at_points(read_table(path), settings["runs"])
    shown = shown[shown["method"].isin(methods)]
    frames = [
        shown[[*POINT, "method", "seed", "trial", "step"]].assign(
            quantity=name,
            value=shown[column].astype(float),
            reason=first_reason(
                shown.index,
                [(shown["loss"].isna(), DIVERGED), (~np.isfinite(shown[column].astype(float)), "not a finite number")],
            ),
        )
        for column, name in quantities.items()
    ]
    points = pd.concat(frames, ignore_index=True)
    summary = over_seeds(points, keys=[*CURVE, "step"]).rename(columns={"seeds": "trials"})
    undefined = [count_undefined("recorded values", points["reason"])]
    facts = inputs_and_loss(settings) | {"diverged": _diverged(shown)}
    return Content(points, summary, undefined, facts)


def _at_points(table: pd.DataFrame, runs: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """The rows of each run's point, with the run's name, small learning rates and little dropout first."""
    frames = []
    for name, run in sorted(runs.items(), key=lambda item: (item[1]["learning_rate"], -item[1]["keep_prob"])):
        own = np.isclose(table["learning_rate"], run["learning_rate"]) & np.isclose(
            table["keep_prob"], run["keep_prob"]
        )
        frames.append(table[own].assign(run=name))
    return pd.concat(frames, ignore_index=True)


def _diverged(shown: pd.DataFrame) -> list[dict[str, Any]]:
    """Which trials of which method have no loss at the end, and the first recorded step without one."""
    entries = []
    for (run, method), rows in shown.groupby(["run", "method"], sort=False):
        lost = rows[rows["loss"].isna()]
        if len(lost):
            trials = sorted({int(trial) for trial in lost["trial"]})
            entry = {"run": run, "method": method, "trials": trials, "of": int(rows["trial"].nunique())}
            entries.append(entry | {"step": int(lost["step"].min())})
    return entries
