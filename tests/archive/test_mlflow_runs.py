"""Trainings as MLflow's runs: read back by MLflow where it is installed; one sentence where it is not."""

import sys

import numpy as np
import pandas as pd
import pytest

from dropscape.archive.mlflow_runs import LONGEST, Training, flattened, measured, write_mlflow
from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.errors import ArtifactError, ConfigurationError

HISTORY = pd.DataFrame(
    {
        "seed": [0, 0, 3, 3],
        "step": [0, 10, 0, 10],
        "loss": [2.0, 1.0, 2.5, np.nan],
        "test_accuracy": [10.0, 90.0, 11.0, 80.0],
    }
)


@pytest.fixture
def training(tmp_path):
    folder = tmp_path / "training/mnist_fnn/keep0.9"
    write_table(folder / "history.csv", HISTORY)
    settings = {"seeds": [0, 3], "training": {"learning_rate": 0.1, "milestones": [5, 8]}}
    write_json(folder / "provenance.json", provenance("training", settings, {"dataset": "mnist", "source": "embedded"}))
    return Training("noise_structure", "mnist_fnn", "keep0.9", "smoke", folder)


def test_mlflow_reads_a_run_for_each_seed(training, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    assert write_mlflow([training], tmp_path / "runs") == 2
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "runs").as_uri())
    (experiment,) = [one for one in client.search_experiments() if one.name == "mnist_fnn"]
    runs = {run.data.params["seed"]: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"0", "3"} and runs["0"].data.params["training.learning_rate"] == "0.1"
    assert runs["0"].data.tags["source"] == "embedded" and runs["0"].data.tags["study"] == "noise_structure"
    losses = [(one.step, one.value) for one in client.get_metric_history(runs["0"].info.run_id, "loss")]
    assert losses == [(0, 2.0), (10, 1.0)]
    assert [one.step for one in client.get_metric_history(runs["3"].info.run_id, "loss")] == [0], (
        "the other is undefined"
    )


def test_without_mlflow_it_says_what_to_install_and_writes_nothing(training, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigurationError, match="write pip install mlflow-skinny"):
        write_mlflow([training], tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_missing_history_is_said_before_anything_is_written(training, tmp_path):
    pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    (training.folder / "history.csv").unlink()
    with pytest.raises(ArtifactError, match=r"history\.csv"):
        write_mlflow([training], tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_what_is_undefined_is_left_out_and_what_is_nested_has_names():
    assert list(measured(HISTORY[HISTORY["seed"] == 3])) == [
        ("loss", 0, 2.5),
        ("test_accuracy", 0, 11.0),
        ("test_accuracy", 10, 80.0),
    ]
    assert flattened({"a": {"b": [1, 2], "c": "x" * 9000}, "d": None}) == {
        "a.b": "[1,2]",
        "a.c": "x" * LONGEST,
        "d": "null",
    }
