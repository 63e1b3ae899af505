"""The sampling stage takes the fast way where there is one, and the general one elsewhere."""

import pytest
import torch

from dropscape.artifacts.files import read_json
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.data.dataset import Dataset, as_inputs
from dropscape.data.prepared import write_prepared
from dropscape.models.losses import cross_entropy_per_example
from dropscape.models.registry import initialised
from dropscape.models.restored import restored
from dropscape.sampling.gradients import dropout_gradients
from dropscape.sampling.modules import module_gradients
from dropscape.sampling.stage import sample_run

SETTINGS = {
    "data": {"dataset": "mnist", "train_examples": 12, "test_examples": 5},
    "model": {"name": "fnn", "widths": [16, 6, 5, 3], "activation": "relu"},
    "loss": "cross_entropy",
    "label_smoothing": 0.0,
    "block": ["layers.1.weight"],
    "seeds": [0, 4],
    "device": "cpu",
    "keep_prob": 0.8,
    "dropout_after": 1,
    "mask_mode": "per_example",
    "micro_batch": 256,
    "samples": 3,
}


def dataset():
    generator = torch.Generator().manual_seed(0)
    description = {"dataset": "mnist", "source": "embedded", "origin": "made here", "classes": 3, "label": "tiny"}
    images = torch.randint(256, (17, 4, 4), dtype=torch.uint8, generator=generator)
    labels = torch.randint(3, (17,), generator=generator)
    return Dataset("mnist", images[:12], labels[:12], images[12:], labels[12:], description)


@pytest.mark.parametrize(("keep_prob", "after"), [(0.8, 1), ([0.8, 0.5], [1, 2])])
def test_gradients_of_every_seed(keep_prob, after, tmp_path):
    settings, data = SETTINGS | {"keep_prob": keep_prob, "dropout_after": after}, dataset()
    write_prepared(tmp_path / "mnist.safetensors", tmp_path / "mnist.json", data)
    states = [initialised(settings["model"], seed).state_dict() for seed in settings["seeds"]]
    write_tensors(
        tmp_path / "model.safetensors", {name: torch.stack([state[name] for state in states]) for name in states[0]}, {}
    )
    outputs = {"gradients": str(tmp_path / "g.safetensors"), "provenance": str(tmp_path / "p.json")}
    sample_run("run", settings, str(tmp_path / "model.safetensors"), str(tmp_path / "mnist.safetensors"), outputs)
    written = read_tensors(outputs["gradients"])[0]["gradients"]
    assert written.shape == (2, 3, 30) and read_json(outputs["provenance"])["stage"] == "sampling"
    for rows, state, seed in zip(written, states, settings["seeds"], strict=True):
        model = restored(settings["model"], state, with_dropout=True)
        given = (model, settings["block"], as_inputs(data.train_images), data.train_labels)
        if keep_prob == 0.8:
            expected = dropout_gradients(*given, keep_prob=0.8, dropout_after=1, samples=3, seed=seed)
        else:
            expected = module_gradients(*given, cross_entropy_per_example, keep_prob=keep_prob, samples=3, seed=seed)
        assert torch.equal(rows, expected)
