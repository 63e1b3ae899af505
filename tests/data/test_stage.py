import hashlib
import pickle

import numpy as np
import pytest
import torch

from dropscape.artifacts.files import read_json
from dropscape.config.user import DATASETS
from dropscape.data.prepared import load_examples
from dropscape.data.stage import prepare
from dropscape.errors import ArtifactError, DataError
from tests.stage_job import run_stage

EMBEDDED = {"function": None, "source": "embedded", "directory": None, "download_cache": None}


@pytest.fixture
def outputs(tmp_path):
    return {"data": str(tmp_path / "out" / "set.safetensors"), "description": str(tmp_path / "out" / "set.json")}


@pytest.mark.parametrize(
    ("name", "row", "targets", "mentions"),
    [
        ("mnist", (784,), (), "MNIST, "),
        ("cifar10", (3, 32, 32), (), "stand-in data for CIFAR-10"),
        ("cifar100", (3, 32, 32), (), "stand-in data for CIFAR-100"),
        ("multi30k", None, None, "stand-in data for Multi30k"),
    ],
)
def test_from_the_embedded_source_to_examples(name, row, targets, mentions, outputs):
    run_stage(prepare, "data", EMBEDDED, {}, outputs, name)
    examples = load_examples(outputs["data"], {"train_examples": 16, "test_examples": 8})
    description = read_json(outputs["description"])
    assert mentions in description["label"] == examples.description["label"]
    # The name of the dataset that was used travels with the examples, whichever experiment asks for it.
    assert examples.description["dataset"] == description["dataset"] == name
    # So do the published constants of its channels.
    channels = DATASETS[name].channels and [list(constants) for constants in DATASETS[name].channels]
    assert examples.description["channels"] == description["channels"] == channels
    if row:
        assert examples.train_inputs.shape == (16, *row) and examples.train_targets.shape == (16, *targets)
    else:
        target_length = examples.description["target_length"]
        assert examples.train_inputs.shape == (16, examples.description["source_length"] + target_length)
        assert examples.train_targets.shape == (16, target_length)
    assert all(torch.isfinite(values).all() for values in (examples.train_inputs, examples.test_inputs))


def test_the_same_data_gives_the_same_bytes(outputs, tmp_path):
    digests = []
    for _ in range(2):
        run_stage(prepare, "data", EMBEDDED, {}, outputs, "multi30k")
        digests.append(hashlib.sha256((tmp_path / "out" / "set.safetensors").read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def broken_cifar10(folder):
    folder.mkdir()
    for name in [f"data_batch_{number}" for number in range(1, 6)]:
        batch = {"data": np.zeros((1, 3072), np.uint8), "labels": [0]}
        (folder / name).write_bytes(pickle.dumps(batch, 4))
    (folder / "test_batch").write_bytes(b"\x80\x04cos\nsystem\n.")


def broken_multi30k(folder):
    folder.mkdir()
    for name, text in (("train.en", "A dog.\n"), ("train.de", "Ein Hund.\nZwei.\n")):
        (folder / name).write_text(text)
        (folder / name.replace("train", "test_2016_flickr")).write_text(text)


@pytest.mark.parametrize(("name", "broken"), [("cifar10", broken_cifar10), ("multi30k", broken_multi30k)])
def test_what_cannot_be_read_leaves_nothing_behind(name, broken, outputs, tmp_path):
    broken(tmp_path / "data")
    settings = {"function": None, "source": "directory", "directory": str(tmp_path / "data"), "download_cache": None}
    with pytest.raises(DataError):
        run_stage(prepare, "data", settings, {}, outputs, name)
    assert not (tmp_path / "out").exists()


def test_an_interrupted_write_leaves_no_half_artifact(outputs, tmp_path, monkeypatch):
    def full(*arguments, **options):
        # What is on disk when the disk is full: the beginning of the file, and an error.
        path = arguments[1]
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("dropscape.artifacts.tensors.save_file", full)
    with pytest.raises(ArtifactError, match=r"could not be written \(No space left on device\): make room"):
        run_stage(prepare, "data", EMBEDDED, {}, outputs, "multi30k")
    assert not list((tmp_path / "out").iterdir())
