import numpy as np
import pytest
import torch

from dropscape.artifacts.files import read_json, read_table
from dropscape.artifacts.tensors import write_tensors
from dropscape.data.dataset import Dataset, as_inputs
from dropscape.data.prepared import write_prepared
from dropscape.flatness.interpolation_stage import interpolate_experiment
from dropscape.models.losses import cross_entropy_per_example
from dropscape.models.registry import initialised
from dropscape.models.restored import restored

SETTINGS = {
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
    generator = torch.Generator().manual_seed(0)
    description = {"dataset": "mnist", "source": "embedded", "origin": "made here", "classes": 3, "label": "tiny"}
    images = torch.randint(256, (17, 4, 4), dtype=torch.uint8, generator=generator)
    labels = torch.randint(3, (17,), generator=generator)
    data = Dataset("mnist", images[:12], labels[:12], images[12:], labels[12:], description)
    write_prepared(tmp_path / "mnist.safetensors", tmp_path / "mnist.json", data)
    states, models = {}, {}
    for offset, run in enumerate("abc"):
        states[run] = [initialised(SETTINGS["model"], seed + 10 * offset).state_dict() for seed in SETTINGS["seeds"]]
        models[run] = str(tmp_path / f"{run}.safetensors")
        write_tensors(models[run], {key: torch.stack([one[key] for one in states[run]]) for key in states[run][0]}, {})
    return data, states, models


def test_every_seed_of_a_pair_has_the_loss_between_its_own_end_points(written, tmp_path):
    data, states, models = written
    outputs = {name: str(tmp_path / name) for name in ("interpolations", "provenance")}
    interpolate_experiment("experiment", SETTINGS, models, str(tmp_path / "mnist.safetensors"), outputs)
    table = read_table(outputs["interpolations"])
    assert len(table) == 2 * 2 * 5 and read_json(outputs["provenance"])["stage"] == "flatness"
    assert set(table["first"] + table["second"]) == {"ab", "bc"}
    inputs = as_inputs(data.train_images)
    for (first, second, position), alpha in zip([("a", "b", 1), ("b", "c", 0)], (0.25, 0.75), strict=True):
        one, other = states[first][position], states[second][position]
        network = restored(SETTINGS["model"], {key: (1 - alpha) * one[key] + alpha * other[key] for key in one})
        expected = float(cross_entropy_per_example(network(inputs), data.train_labels).mean())
        rows = table[(table["first"] == first) & (table["seed"] == SETTINGS["seeds"][position])]
        assert rows.loc[np.isclose(rows["alpha"], alpha), "loss"].item() == pytest.approx(expected, rel=1e-5)
