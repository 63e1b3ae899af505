"""The loss along trainings, of which some go on from the end of others (paper B, Fig. 5 left and Fig. 9a)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.figures.tables.content import Content, count_undefined, first_reason
from dropscape.figures.tables.over_seeds import over_seeds
from dropscape.figures.tables.runs import RUN, quantities, with_runs

LOSS, FIRST_BELOW = "loss", "first step below the level"


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """The risk without dropout at every recorded step.

    A run that starts from the end point of another stands behind it: ``at`` counts the steps from the very start.

    Args:
        experiments: with ``name``, ``runs`` (those that others start from among them) and ``level``, the loss whose
            first passing is looked for (None for none).
        inputs: ``history``, one table per run.

    Returns:
        points: the run's settings, seed, step, at, quantity, value, reason (a loss that is not positive has no place
        on the logarithmic axis). summary: geometric mean and range of the loss over seeds by ``at``; and of each run
        with all its steps the first one whose loss is below the level, mean and range over the seeds that get there.
    """
    history = with_runs(experiments, inputs["history"])
    offsets = _offsets(experiments, history)
    keys = pd.MultiIndex.from_frame(history[["experiment", "run"]])
    history["at"] = history["step"] + offsets.reindex(keys).to_numpy()
    points = quantities(history, {"loss": LOSS}, [*RUN, "seed", "step", "at"])
    unseen = (points["reason"] == "") & (points["value"] <= 0)
    points["reason"] = points["reason"].mask(unseen, "loss not positive")
    curve = over_seeds(points, geometric=True, keys=[*RUN, "quantity", "at"])
    level, undefined = experiments[0]["level"], [count_undefined("losses", points["reason"])]
    if level is not None:
        first = _first_below(points, level)
        undefined.append(count_undefined("first steps below the level", first["reason"]))
        points = pd.concat([points, first], ignore_index=True)
        curve = pd.concat([curve, over_seeds(first, keys=[*RUN, "quantity"])], ignore_index=True)
    starts = sorted({int(offset) for offset in offsets if offset > 0})
    return Content(points, curve, undefined, {"level": level, "starts": starts})


def _offsets(experiments: Sequence[Mapping[str, Any]], history: pd.DataFrame) -> pd.Series:
    """How many steps were done before each run's own, by experiment and run."""
    steps = history.groupby(["experiment", "run"])["step"].max()
    offsets = {}
    for experiment in experiments:
        for run in experiment["runs"]:
            parent, before = experiment["runs"][run]["start"], 0
            while parent is not None:
                before += steps[experiment["name"], parent]
                parent = experiment["runs"][parent]["start"]
            offsets[experiment["name"], run] = before
    return pd.Series(offsets)


def _first_below(points: pd.DataFrame, level: float) -> pd.DataFrame:
    """Of each run and seed the first recorded place with a loss below the level; NaN with a reason if there is none."""
    keys = [*RUN, "seed"]
    below = points[points["value"] < level].groupby(["experiment", "run", "seed"])["at"].min().rename("value")
    first = points[keys].drop_duplicates().merge(below, on=["experiment", "run", "seed"], how="left")
    never = (first["value"].isna(), f"the loss stays above {level:g}")
    return first.assign(quantity=FIRST_BELOW, reason=first_reason(first.index, [never]))
