"""A run's settings and a prepared dataset in; artifacts with their provenance out."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from dropscape import jobs
from dropscape.artifacts.files import read_json, read_table, write_json
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.dataset import Dataset, as_inputs
from dropscape.data.prepared import write_prepared
from dropscape.errors import DataError
from dropscape.jobs import Job
from dropscape.training import stage
from dropscape.training.compiled import CompiledTraining
from dropscape.training.general import GeneralTraining
from dropscape.training.stacked import StackedTraining
from dropscape.training.train import train, training_config
from tests.training.networks import DESCENT

SETTINGS = {
    "data": {"dataset": "mnist", "train_examples": 12, "test_examples": 5},
    "model": {
        "name": "fnn",
        "widths": [16, 6, 5, 3],
        "activation": "relu",
        "initial_scale": None,
        "output_bias": True,
    },
    "loss": "cross_entropy",
    "block": ["layers.1.weight"],
    "seeds": [0, 4],
    "device": "cpu",
    "keep_prob": 0.8,
    "dropout_after": 1,
    "mask_mode": "per_example",
    "learning_rate": 0.1,
    "flow_time": 0.5,
    "trajectory_steps": 3,
    "recorded_steps": 4,
    "history_points": 3,
    **DESCENT,
    "label_smoothing": 0.0,
    "micro_batch": 8,
    "steps": None,
}
GENERAL = SETTINGS | {"keep_prob": [0.8, 0.5], "dropout_after": [1, 2], "optimizer": "adam", "milestones": [5]}
ONE_HOT = SETTINGS["data"] | {"one_hot": True}
NAMES = {
    "model": "model.safetensors",
    "trained": "trained.safetensors",
    "snapshots": "snapshots.safetensors",
    "trajectory": "trajectory.safetensors",
    "history": "history.csv",
    "predictions": "predictions.csv",
    "provenance": "provenance.json",
}


def dataset():
    generator = torch.Generator().manual_seed(0)
    description = {
        "dataset": "mnist",
        "source": "embedded",
        "origin": "made here",
        "classes": 3,
        "label": "tiny",
    }
    return Dataset(
        "mnist",
        torch.randint(256, (15, 4, 4), dtype=torch.uint8, generator=generator),
        torch.randint(3, (15,), generator=generator),
        torch.randint(256, (5, 4, 4), dtype=torch.uint8, generator=generator),
        torch.randint(3, (5,), generator=generator),
        description,
    )


@pytest.fixture
def run(tmp_path):
    """Trains one run, in a folder that can be named, and gives its outputs."""
    write_prepared(tmp_path / "mnist.safetensors", tmp_path / "mnist.json", dataset())
    code = tmp_path / "module.py"
    code.write_text("pass\n")

    def training(folder="out", start=None, **changes):
        outputs = {key: str(tmp_path / folder / name) for key, name in NAMES.items()}
        inputs = {"data": str(tmp_path / "mnist.safetensors"), "code": str(code)} | ({"start": start} if start else {})
        job = Job("training", "mnist/run", SETTINGS | changes, inputs, outputs, tmp_path / "checkpoints", 0)
        jobs.perform(stage.train, job)
        write_json(outputs["provenance"], job._records[-1])
        return {key: Path(path) for key, path in outputs.items()}

    return training


def test_artifacts_are_the_training_of_the_settings(run):
    outputs = run()
    data = dataset()
    expected = train(
        training_config(SETTINGS),
        as_inputs(data.train_images)[:12],
        data.train_labels[:12],
        as_inputs(data.test_images),
        data.test_labels,
    )
    parameters, record = read_tensors(outputs["model"])
    snapshots, at = read_tensors(outputs["snapshots"])
    trajectory, _ = read_tensors(outputs["trajectory"])
    for name, value in expected.parameters.items():
        assert torch.equal(parameters[name], value)
        assert torch.equal(snapshots[name], expected.snapshots[name])
    assert torch.equal(trajectory["trajectory"], expected.trajectory)
    pd.testing.assert_frame_equal(read_table(outputs["history"]), expected.history, check_exact=True)
    assert at == record | {"steps": list(training_config(SETTINGS).recorded)}
    assert snapshots["layers.0.bias"].shape == (2, len(at["steps"]), 6)


@pytest.mark.parametrize("changes", [{}, GENERAL, {"data": ONE_HOT, "loss": "mse"}])
def test_predictions_are_those_that_the_accuracy_of_the_last_step_counts(run, changes):
    outputs = run(**changes)
    predictions, history = read_table(outputs["predictions"]), read_table(outputs["history"])
    assert predictions["seed"].tolist() == [0] * 5 + [4] * 5
    assert predictions["example"].tolist() == [*range(5)] * 2 and set(predictions["correct"]) <= {0, 1}
    accuracy = history.sort_values("step").groupby("seed")["test_accuracy"].last()
    assert predictions.groupby("seed")["correct"].mean().tolist() == pytest.approx(accuracy.tolist())


def test_every_artifact_says_what_made_it(run):
    outputs = run()
    record = read_json(outputs["provenance"])
    assert record["stage"] == "training" and record["device"] == "cpu"
    assert record["parameters"] == SETTINGS
    assert record["data"] == dict(dataset().description)
    assert record["versions"]["torch"]
    for kind in ("model", "trajectory"):
        assert read_tensors(outputs[kind])[1] == record


def test_two_trainings_give_the_same_bytes(run):
    first, second = run("one"), run("two")
    for kind in NAMES:
        assert first[kind].read_bytes() == second[kind].read_bytes(), kind


def test_the_checkpoints_are_gone_when_the_artifacts_are_there(run, tmp_path):
    run()
    assert not (tmp_path / "checkpoints").exists()


def test_without_a_trajectory_there_is_an_empty_file(run):
    outputs = run(trajectory_steps=0)
    assert read_tensors(outputs["trajectory"])[0] == {}


def test_after_a_failed_write_the_finished_training_is_still_there(run, tmp_path, monkeypatch):
    """The next try has nothing left to train and gives the same bytes."""
    expected = {kind: path.read_bytes() for kind, path in run("expected").items()}

    def full_disk(*given):
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(stage, "write_table", full_disk)
        with pytest.raises(OSError, match="no space"):
            run()
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    outputs = run()
    assert {kind: path.read_bytes() for kind, path in outputs.items()} == expected


def test_a_checkpoint_is_continued_by_the_very_same_training_only(run, tmp_path, monkeypatch):
    """Another parameter, other data or other code has another checkpoint."""
    monkeypatch.setattr(jobs.shutil, "rmtree", lambda *given, **options: None)
    run()
    run(learning_rate=0.2)
    run(seeds=[0])
    (tmp_path / "module.py").write_text("pass  # edited\n")
    run()
    other = replace(dataset(), description=dataset().description | {"files": {"images": "another sha256"}})
    write_prepared(tmp_path / "mnist.safetensors", tmp_path / "mnist.json", other)
    run()
    assert len(list((tmp_path / "checkpoints").iterdir())) == 5


@pytest.mark.parametrize(
    ("flow_time", "learning_rate", "trajectory_steps", "steps"),
    [(400, 0.1, 3000, 7000), (250, 0.2, 800, 2050), (0.3, 0.1, 0, 3), (1, 0.3, 0, 4), (0.05, 0.1, 2, 3)],
)
def test_steps_are_flow_time_over_learning_rate_and_the_trajectory(flow_time, learning_rate, trajectory_steps, steps):
    """0.3 / 0.1 is 2.9999999999999996 in float64, and 3 steps are meant."""
    changes = {"flow_time": flow_time, "learning_rate": learning_rate, "trajectory_steps": trajectory_steps}
    config = training_config(SETTINGS | changes)
    assert config.steps == steps and config.trajectory_steps == trajectory_steps
    assert config.recorded[-1] == config.history[-1] == steps
    assert config.history[0] == 0


def test_too_few_examples_are_named_and_leave_nothing_behind(run, tmp_path):
    with pytest.raises(DataError, match="asks for 16 train examples"):
        run(data=SETTINGS["data"] | {"train_examples": 16})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"keep_prob": [0.8, 0.5], "dropout_after": [1, 2]},
        {"model": {"name": "vgg9", "classes": 3}},
        {"model": SETTINGS["model"] | {"initial_scale": [1, 1, 1]}},
        {"model": SETTINGS["model"] | {"output_bias": False}},
        {"loss": "mse"},
        {"objective": "risk"},
        {"optimizer": "adam"},
        {"batch_size": 4},
        {"milestones": [2]},
        {"warmup_steps": 5},
        {"label_smoothing": 0.1},
        {"precision": "tf32"},
    ],
)
def test_plain_descent_of_a_network_with_one_mask_is_stacked_and_all_else_is_general(changes):
    assert type(training_config(SETTINGS)) is StackedTraining
    assert type(training_config(SETTINGS | changes)) is GeneralTraining


NARROW = SETTINGS | {"loss": "mse", "model": SETTINGS["model"] | {"widths": [3, 20, 1], "activation": "tanh"}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"objective": "risk_plus_r1", "optimizer": "adam", "batch_size": 4},
        {"model": NARROW["model"] | {"initial_scale": [0.5, 1], "output_bias": False, "widths": [64, 9, 2]}},
    ],
)
def test_few_inputs_two_layers_and_the_squared_error_have_compiled_steps(changes):
    settings = NARROW | changes
    config = training_config(settings)
    assert type(config) is CompiledTraining
    for key in ("objective", "optimizer", "batch_size", "keep_prob", "learning_rate", "mask_mode"):
        assert getattr(config, key) == settings[key]
    model = settings["model"]
    assert config.initial_scale == (None if model["initial_scale"] is None else tuple(model["initial_scale"]))
    assert (config.widths, config.output_bias) == (tuple(model["widths"]), model["output_bias"])


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "cross_entropy", "objective": "risk"},
        {"model": NARROW["model"] | {"widths": [65, 20, 1]}},
        {"model": NARROW["model"] | {"widths": [3, 20, 20, 1]}},
        {"model": NARROW["model"] | {"activation": "identity"}},
        {"objective": "dropout_minus_r1"},
        {"objective": "risk_plus_r2"},
        {"optimizer": "nesterov"},
        {"milestones": [3]},
        {"warmup_steps": 3},
        {"precision": "tf32"},
        {"keep_prob": [0.8], "dropout_after": [1]},
    ],
)
def test_what_the_compiled_steps_do_not_support_is_general(changes):
    assert type(training_config(NARROW | changes)) is GeneralTraining


def test_a_run_starts_at_the_end_point_of_another(run, tmp_path, monkeypatch):
    """With each backend; the file that it starts from decides which checkpoint it goes on with."""
    monkeypatch.setattr(jobs.shutil, "rmtree", lambda *given, **options: None)
    models = {"stacked": {}, "general": {"objective": "risk"}, "compiled": {"loss": "mse", "data": ONE_HOT}}
    models["compiled"]["model"] = SETTINGS["model"] | {"widths": [16, 6, 3]}
    for name, changes in models.items():
        changes = changes | {"block": ["layers.1.weight"], "recorded_steps": 4}
        first = run(f"{name}/first", **changes)
        outputs = run(f"{name}/second", start=str(first["model"]), **changes)
        ends, beginnings = read_tensors(first["model"])[0], read_tensors(outputs["snapshots"])[0]
        assert all(torch.equal(value, beginnings[parameter][:, 0]) for parameter, value in ends.items()), name
        assert any((read_tensors(outputs["model"])[0][parameter] != value).any() for parameter, value in ends.items())
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2 * len(models)


def test_steps_may_be_counted_instead_of_measured_in_flow_time():
    config = training_config(GENERAL | {"steps": 7, "flow_time": None})
    assert config.steps == 10 and config.trajectory_steps == 3
    assert config.recorded[-1] == config.history[-1] == 10
    assert config.keep_prob == (0.8, 0.5)
    assert training_config(GENERAL | {"keep_prob": 0.7, "dropout_after": 2}).keep_prob == (1.0, 0.7)


def test_the_learning_rate_is_that_of_the_settings():
    transformer = {"model": {"name": "transformer", "d_model": 50}, "keep_prob": 0.9, "warmup_steps": 4000}
    rate = training_config(GENERAL | transformer | {"learning_rate": 1.0, "milestones": []}).learning_rate
    assert rate.after(3999) == pytest.approx((50 * 4000) ** -0.5)
    rate = training_config(GENERAL).learning_rate
    assert [rate.after(step) for step in (4, 5)] == pytest.approx([0.1, 0.01])


def test_artifacts_of_the_general_training(run):
    outputs = run(**GENERAL)
    data = dataset()
    expected = train(
        training_config(GENERAL),
        as_inputs(data.train_images)[:12],
        data.train_labels[:12],
        as_inputs(data.test_images),
        data.test_labels,
    )
    for kind, tensors in (("model", expected.parameters), ("snapshots", expected.snapshots)):
        written, _ = read_tensors(outputs[kind])
        assert written.keys() == tensors.keys()
        assert all(torch.equal(written[name], value) for name, value in tensors.items())
    assert torch.equal(read_tensors(outputs["trajectory"])[0]["trajectory"], expected.trajectory)
    pd.testing.assert_frame_equal(read_table(outputs["history"]), expected.history, check_exact=True)
    again = run("again", **GENERAL)
    assert all(outputs[kind].read_bytes() == again[kind].read_bytes() for kind in NAMES)
