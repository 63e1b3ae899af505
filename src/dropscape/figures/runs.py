"""The tables of a figure's runs under each other, each row with the settings in which the runs differ."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.figures.content import Settings, TableFiles
from dropscape.figures.quantities import long_form

END_POINT = ["experiment", "run", "keep_prob", "optimizer"]
DROPOUT_RUN = ["run", "keep_prob", "learning_rate", "dropout_after", "mask_mode", "variant"]
_OBJECTIVE = ["objective", "keep_prob", "learning_rate", "gradient_penalty_weight", "initial_scale", "train_examples"]
OBJECTIVE_RUN = ["experiment", "run", *_OBJECTIVE, "optimizer"]


def smallest_keep_prob(keep_prob: float | Sequence[float]) -> float:
    """The one number that represents a run's keep probabilities; 1 only without dropout."""
    return keep_prob if isinstance(keep_prob, float | int) else min(keep_prob)


def end_points(figure: Settings, tables: TableFiles) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """The columns ``END_POINT`` of each run, and the row of each seed's ``history`` at the end of training.

    The further steps that record a trajectory come after it.
    """
    for experiment in figure["experiments"]:
        for run, settings in experiment["runs"].items():
            keep_prob = smallest_keep_prob(settings["keep_prob"])
            end_point = {"experiment": experiment["name"], "run": run, "keep_prob": keep_prob}
            end_point["optimizer"] = settings["optimizer"]
            history = tables.run_table(experiment["name"], run, "history")
            end = history["step"].max() - settings.get("trajectory_steps", 0)
            yield end_point, history[history["step"] == end].set_index("seed").sort_index()


def variant(run: Settings, default: Settings) -> str:
    """How a run's dropout differs from the experiment's, in words; "" for a main run."""
    masks = run["mask_mode"].replace("per_example", "per-example")
    words = {"dropout_after": f"after layer {run['dropout_after']}", "mask_mode": f"{masks} masks"}
    return ", ".join(text for key, text in words.items() if run[key] != default[key])


def dropout_run_tables(experiment: Settings, tables: TableFiles, name: str) -> pd.DataFrame:
    """The tables of all runs that have one, with the columns ``DROPOUT_RUN``.

    A table's own ``keep_prob``, that of dropout added tentatively to a training without it, replaces the training's.
    """

    def described(experiment: Settings, run: str) -> Settings:
        settings = experiment["runs"][run]
        return {"run": run, **settings, "variant": variant(settings, experiment["dropout"])}

    return _run_tables([experiment], tables, name, described, DROPOUT_RUN, kept=("keep_prob",))


def along_training(experiment: Settings, tables: TableFiles, names: Mapping[str, str]) -> pd.DataFrame:
    """Quantities of the tables ``alignment``, whose names stand by their columns, at every recorded step.

    Returns:
        ``DROPOUT_RUN``, seed, step, quantity, value, and reason: the table's sentence if it has one.
    """
    table = dropout_run_tables(experiment, tables, "alignment")
    points = long_form(table, names, [*DROPOUT_RUN, "seed", "step", "undefined"])
    sentence = points.pop("undefined").fillna("").astype(str).str.strip()
    return points.assign(reason=points["reason"].mask((points["reason"] != "") & (sentence != ""), sentence))


def objective_run(experiment: Settings, run: str) -> dict[str, Any]:
    """The columns ``OBJECTIVE_RUN`` of a run.

    Training under dropout that keeps everything is training on the risk, and is called so. ``gradient_penalty_weight``
    is that of R_2, NaN without it; ``initial_scale`` is a text such as "1, 0.5", empty for torch's default.
    """
    settings = experiment["runs"][run]
    objective, keep_prob = settings["objective"], smallest_keep_prob(settings["keep_prob"])
    if objective == "dropout" and keep_prob == 1:
        objective = "risk"
    rate, weight = settings["learning_rate"], settings["gradient_penalty_weight"]
    return {
        "experiment": experiment["name"],
        "run": run,
        "objective": objective,
        "keep_prob": keep_prob,
        "learning_rate": rate,
        "gradient_penalty_weight": (weight or rate) if objective.endswith("r2") else math.nan,
        "initial_scale": ", ".join(f"{scale:g}" for scale in settings["initial_scale"] or []),
        "train_examples": settings["train_examples"],
        "optimizer": settings["optimizer"],
    }


def objective_run_tables(figure: Settings, tables: TableFiles, name: str) -> pd.DataFrame:
    """The tables of all runs of all experiments, with the columns ``OBJECTIVE_RUN``."""
    return _run_tables(figure["experiments"], tables, name, objective_run, OBJECTIVE_RUN)


def last_rows(history: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run at its last step."""
    last = history.groupby(["experiment", "run"])["step"].transform("max")
    return history[history["step"] == last].reset_index(drop=True)


def _run_tables(
    experiments: Sequence[Settings],
    tables: TableFiles,
    name: str,
    described: Callable[[Settings, str], Settings],
    columns: Sequence[str],
    kept: Sequence[str] = (),
) -> pd.DataFrame:
    """The tables with the described settings in front; a table's columns ``kept`` replace the described ones."""
    frames = []
    for experiment in experiments:
        for run in experiment["runs"]:
            if tables.has_run_table(experiment["name"], run, name):
                frame = tables.run_table(experiment["name"], run, name)
                settings = described(experiment, run)
                added = {key: settings[key] for key in settings if key not in kept or key not in frame}
                frames.append(frame.assign(**added))
    table = pd.concat(frames, ignore_index=True)
    return table[[*columns, *(column for column in table if column not in columns)]]
