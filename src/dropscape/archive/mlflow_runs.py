"""Trainings as runs in a folder of MLflow's, one for each seed, written by MLflow itself and without a network."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dropscape.artifacts.files import canonical_json, read_json, read_table
from dropscape.errors import ConfigurationError

# Read by MLflow when it is imported: it writes to folders only when told, and says over the network who uses it.
ENVIRONMENT = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
LONGEST, MOST = 6000, 1000  # letters of a parameter and metrics at once that MLflow takes


@dataclass(frozen=True)
class Training:
    """A training whose seeds are exported.

    Attributes:
        folder: where its history.csv and provenance.json lie.
    """

    study: str
    experiment: str
    run: str
    scale: str
    folder: Path


def write_mlflow(trainings: Sequence[Training], folder: Path) -> int:
    """Write one run of MLflow's for each seed of each training into a new folder; return how many.

    A run has what the training was given as parameters, the columns of history.csv at each step as metrics, and as tags
    where it belongs, the data, the versions, the machine and the path of its files, which
    stay where they are. An undefined value is left out.

    Raises:
        ArtifactError: a file is missing or damaged.
        ConfigurationError: MLflow is not installed.
    """
    os.environ.update(ENVIRONMENT)
    try:
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param, RunTag
    except ModuleNotFoundError:
        raise ConfigurationError(
            "--to is mlflow, which needs the package 'mlflow-skinny', which is not installed: write pip install "
            "mlflow-skinny in the environment of dropscape."
        ) from None
    read = [  # before anything is written
        (training, read_json(training.folder / "provenance.json"), read_table(training.folder / "history.csv"))
        for training in trainings
    ]
    client = MlflowClient(tracking_uri=folder.resolve().as_uri())
    experiments = {name: client.create_experiment(name) for name in dict.fromkeys(one.experiment for one in trainings)}
    count = 0
    for training, record, history in read:
        time = int((training.folder / "history.csv").stat().st_mtime * 1000)
        for seed, rows in history.groupby("seed"):
            run = client.create_run(experiments[training.experiment], time, run_name=f"{training.run}, seed {seed}")
            metrics = [Metric(name, value, time, step) for name, step, value in measured(rows)]
            for start in range(0, len(metrics), MOST):
                client.log_batch(run.info.run_id, metrics=metrics[start : start + MOST])
            parameters = {name: value for name, value in record["parameters"].items() if name != "seeds"}
            client.log_batch(
                run.info.run_id,
                params=[Param(*one) for one in flattened({**parameters, "seed": int(seed)}).items()],
                tags=[RunTag(*one) for one in tags(training, record).items()],
            )
            client.set_terminated(run.info.run_id, end_time=time)
            count += 1
    return count


def measured(history: pd.DataFrame) -> Iterator[tuple[str, int, float]]:
    """The column, the step and the value of every defined value in the history of one seed."""
    for name in history.columns.difference(["seed", "step"]):
        for step, value in history.set_index("step")[name].dropna().items():
            yield name, int(step), float(value)


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values by names such as ``model.width``, each as text that MLflow takes whole or cut; a list as JSON."""
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flattened(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = (value if isinstance(value, str) else canonical_json(value))[:LONGEST]
    return found


def tags(training: Training, record: Mapping[str, Any]) -> dict[str, str]:
    """Where a training belongs and what made it, from its provenance."""
    data = record["data"] or {}
    found = {
        **{name: getattr(training, name) for name in ("study", "experiment", "run", "scale")},
        "files": str(training.folder.resolve()),
        **{name: data.get(key) for name, key in (("dataset", "dataset"), ("data", "label"), ("source", "source"))},
        **{name: record.get(name) for name in ("device", "machine", "processor")},
        **flattened(record["versions"], "version."),
    }
    return {name: value for name, value in found.items() if value}
