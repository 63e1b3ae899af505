"""Datasets from a function of the user's."""

import sys

import numpy as np
import pytest
import torch

from dropscape.data.custom import custom
from dropscape.data.prepared import load_examples, write_prepared
from dropscape.errors import ConfigurationError, DataError

CODE = """
import numpy as np

def squares():
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    return {"train_images": images[:4], "train_labels": [0, 1, 2, 1], "test_images": images[4:], "test_labels": [2, 0]}

def colours():
    return squares() | {"train_images": np.zeros((4, 3, 2, 2), np.uint8),
                        "test_images": np.zeros((2, 3, 2, 2), np.uint8),
                        "label": "six colours"}

def wrong():
    return squares() | {"train_labels": [0, 1, -2, 1]}

def incomplete():
    return {"train_images": np.zeros((4, 2, 2), np.uint8)}
"""


@pytest.fixture(autouse=True)
def _module(tmp_path, monkeypatch):
    (tmp_path / "my_squares.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("my_squares", None)


def test_images_and_labels_are_those_of_the_function(tmp_path):
    dataset = custom("squares", "my_squares:squares")
    assert dataset.train_images.tolist() == np.arange(16).reshape(4, 2, 2).tolist()
    assert dataset.train_labels.dtype == torch.int64 and dataset.test_labels.tolist() == [2, 0]
    described = dataset.description
    assert described["classes"] == 3 and described["counts"] == {"train": 4, "test": 2}
    assert described["source"] == "custom" and described["label"] == "squares, by my_squares:squares"
    assert len(described["files"]["my_squares.py"]["sha256"]) == 64
    write_prepared(tmp_path / "d.safetensors", tmp_path / "d.json", dataset)
    examples = load_examples(tmp_path / "d.safetensors", {"train_examples": 3, "test_examples": 2})
    assert torch.equal(examples.train_inputs, torch.arange(12.0).view(3, 4) / 255)


def test_colour_images_keep_their_shape_and_their_label(tmp_path):
    dataset = custom("colours", "my_squares:colours")
    assert dataset.description["label"] == "six colours"
    write_prepared(tmp_path / "d.safetensors", tmp_path / "d.json", dataset)
    settings = {"train_examples": 4, "test_examples": 2}
    assert load_examples(tmp_path / "d.safetensors", settings).train_inputs.shape == (4, 3, 2, 2)
    with pytest.raises(ConfigurationError, match="channels of dataset 'colours' are not known"):
        load_examples(tmp_path / "d.safetensors", settings | {"normalisation": "channel"})


@pytest.mark.parametrize(
    ("function", "error", "sentence"),
    [
        ("my_squares:circles", ConfigurationError, "datasets.x 'my_squares:circles' cannot be imported"),
        ("my_circles:circles", ConfigurationError, "No module named 'my_circles'"),
        ("my_squares:incomplete", DataError, "did not return train_labels, test_images, test_labels"),
        ("my_squares:wrong", DataError, "1 train labels outside 0 to 2"),
    ],
)
def test_what_is_no_dataset_is_refused_by_a_sentence(function, error, sentence):
    with pytest.raises(error) as raised:
        custom("x", function)
    assert sentence in str(raised.value)
