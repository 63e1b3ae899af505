import numpy as np
import pytest
import torch

from dropscape.artifacts.files import read_table
from dropscape.data.dataset import as_inputs
from dropscape.flatness.interpolation_stage import interpolate
from dropscape.models.losses import cross_entropy_per_example
from dropscape.models.registry import initialised
from dropscape.models.restored import restored
from tests.stage_job import run_stage, write_networks, write_tiny_images

SETTINGS = {
    "device": "cpu",
    "data": {"dataset": "mnist", "train_examples": 12, "test_examples": 5},
    "model": {"name": "fnn", "widths": [16, 6, 3], "activation": "relu"},
    "loss": "cross_entropy",
    "label_smoothing": 0.0,
    "seeds": [0, 4],
    "pairs": [["a", "b"], ["b", "c"]],
    "points": 5,
}


@pytest.fixture
def written(tmp_path):
    """The dataset, the end points of three runs by name, and the path of each."""
    data = write_tiny_images(tmp_path / "data")
    states, models = {}, {}
    for offset, run in enumerate("abc"):
        states[run] = [initialised(SETTINGS["model"], seed + 10 * offset).state_dict() for seed in SETTINGS["seeds"]]
        models[run] = write_networks(tmp_path / f"{run}.safetensors", states[run])
    return data, states, models


def test_every_seed_of_a_pair_has_the_loss_between_its_end_points(written, tmp_path):
    data, states, models = written
    settings = SETTINGS | {"runs": list("abc")}
    inputs = {"data": str(tmp_path / "data"), "models": [models[run] for run in settings["runs"]]}
    outputs = {"interpolations": str(tmp_path / "interpolations")}
    record = run_stage(interpolate, "flatness_interpolations", settings, inputs, outputs)
    table = read_table(outputs["interpolations"])
    assert len(table) == 2 * 2 * 2 * 5 and record["stage"] == "flatness"
    assert {*zip(table["seed"], table["second_seed"], strict=True)} == {(0, 0), (4, 4), (0, 4), (4, 0)}
    assert set(table["first"] + table["second"]) == {"ab", "bc"}
    inputs = as_inputs(data.train_images)
    cases = [("a", "b", 1, 1), ("b", "c", 0, 0), ("b", "c", 0, 1)]
    for (first, second, position, opposite), alpha in zip(cases, (0.25, 0.75, 0.75), strict=True):
        one, other = states[first][position], states[second][opposite]
        network = restored(SETTINGS["model"], {key: (1 - alpha) * one[key] + alpha * other[key] for key in one})
        expected = float(cross_entropy_per_example(network(inputs), data.train_labels).mean())
        rows = table[(table["first"] == first) & (table["seed"] == SETTINGS["seeds"][position])]
        rows = rows[rows["second_seed"] == SETTINGS["seeds"][opposite]]
        assert rows.loc[np.isclose(rows["alpha"], alpha), "loss"].item() == pytest.approx(expected, rel=1e-5)
        ends = [torch.cat([value.double().flatten() for value in state.values()]) for state in (one, other)]
        norms = sum(float(end.square().sum()) for end in ends)
        distance = float((ends[0] - ends[1]).norm()) / (norms / 2) ** 0.5
        assert rows["distance"].to_numpy() == pytest.approx(distance)
