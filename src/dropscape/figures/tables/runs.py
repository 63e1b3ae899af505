"""What the figures of paper B share: the tables of runs that differ in what they descend, under each other."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table
from dropscape.figures.tables.content import first_reason
from dropscape.figures.tables.slices import smallest_keep_prob

RUN = [
    "experiment",
    "run",
    "objective",
    "keep_prob",
    "learning_rate",
    "penalty",
    "initial_scale",
    "train_examples",
]


def described(experiment: Mapping[str, Any], run: str) -> dict[str, Any]:
    """The columns ``RUN`` of one run.

    Training under dropout that keeps everything is training on the risk, and is called so. ``penalty`` is the weight
    of R_2, NaN without it; ``initial_scale`` is a text such as "1, 0.5", empty where the network has torch's default.
    """
    settings = experiment["runs"][run]
    objective, keep_prob = settings["objective"], smallest_keep_prob(settings["keep_prob"])
    if objective == "dropout" and keep_prob == 1:
        objective = "risk"
    rate, penalty = settings["learning_rate"], settings["penalty"]
    return {
        "experiment": experiment["name"],
        "run": run,
        "objective": objective,
        "keep_prob": keep_prob,
        "learning_rate": rate,
        "penalty": (penalty or rate) if objective.endswith("r2") else math.nan,
        "initial_scale": ", ".join(f"{scale:g}" for scale in settings["initial_scale"] or []),
        "train_examples": settings["train_examples"],
    }


def with_runs(experiments: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> pd.DataFrame:
    """The tables of all runs under each other, each row with the run's settings in front.

    Args:
        experiments: each with ``name`` and ``runs``.
        paths: one table per run, in the order of the experiments and of their runs.
    """
    runs = [described(experiment, run) for experiment in experiments for run in experiment["runs"]]
    frames = [read_table(path).assign(**run) for run, path in zip(runs, paths, strict=True)]
    table = pd.concat(frames, ignore_index=True)
    return table[RUN + [column for column in table if column not in RUN]]


def last_rows(history: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run and seed at its last step."""
    last = history.groupby(["experiment", "run"])["step"].transform("max")
    return history[history["step"] == last].reset_index(drop=True)


def quantities(table: pd.DataFrame, names: Mapping[str, str], keys: Sequence[str]) -> pd.DataFrame:
    """One row per row of the table and quantity: ``keys``, quantity, value and reason ("" where it is finite).

    Args:
        table: with ``keys`` and the columns of ``names``.
        names: the quantity's name by column.
        keys: columns that are kept.
    """
    frames = [
        table[list(keys)].assign(quantity=name, value=table[column].astype(float)) for column, name in names.items()
    ]
    points = pd.concat(frames, ignore_index=True)
    missing = ~points["value"].abs().lt(math.inf)
    return points.assign(reason=first_reason(points.index, [(missing, "not a finite number")]))
