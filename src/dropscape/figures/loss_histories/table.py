"""The loss along trainings, of which some continue others (paper B, Fig. 5 left and Fig. 9a)."""

from collections.abc import Sequence

import pandas as pd

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles

LOSS, FIRST_BELOW = "loss", "first step below the level"


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The risk without dropout at every recorded step.

    points: the run's settings, seed, step, at (the steps since the start of the first of the runs that continue each
    other), quantity, value, reason (a logarithmic axis shows no loss that is not positive). summary: geometric mean and
    range of the loss over seeds by ``at``; and of each run the first ``at`` whose loss is below the level, mean and
    range over the seeds that get there.
    """
    history = runs.objective_run_tables(figure, tables, "history")
    offsets = _offsets(figure["experiments"], history)
    keys = pd.MultiIndex.from_frame(history[["experiment", "run"]])
    history["at"] = history["step"] + offsets.reindex(keys).to_numpy()
    points = quantities.long_form(history, {"loss": LOSS}, [*runs.OBJECTIVE_RUN, "seed", "step", "at"])
    points = quantities.require_positive(points, "loss not positive")
    summary = quantities.over_seeds(points, [*runs.OBJECTIVE_RUN, "quantity", "at"], geometric=True)
    level = figure["level"]
    if level is not None:
        first = _first_below(points, level)
        first_steps = quantities.over_seeds(first, [*runs.OBJECTIVE_RUN, "quantity"])
        points = pd.concat([points, first], ignore_index=True)
        summary = pd.concat([summary, first_steps], ignore_index=True)
    starts = sorted({int(offset) for offset in offsets if offset > 0})
    named = {LOSS: "losses", FIRST_BELOW: "first steps below the level"}
    return FigureContent.counted(points, summary, named, "quantity", level=level, starts=starts)


def _offsets(experiments: Sequence[Settings], history: pd.DataFrame) -> pd.Series:
    """How many steps were done before each run, by experiment and run."""
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
    """The first recorded ``at`` of each run and seed with a loss below the level; NaN with a reason without one."""
    network = ["experiment", "run", "seed"]
    below = points[points["value"] < level].groupby(network)["at"].min().rename("value")
    first = points[[*runs.OBJECTIVE_RUN, "seed"]].drop_duplicates().merge(below, on=network, how="left")
    reason = first["value"].isna().map({True: f"the loss stays above {level:g}", False: ""})
    return first.assign(quantity=FIRST_BELOW, reason=reason)
