"""The prepared dataset on disk, and the examples of it that an experiment uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from dropscape.artifacts.files import read_tensors, write_json, write_tensors
from dropscape.data.dataset import Dataset, as_inputs, training_subset


@dataclass(frozen=True, eq=False)
class Examples:
    """What a network trains on and is tested on.

    Attributes:
        train_inputs, test_inputs: (n, d) float32.
        train_targets, test_targets: (n,) int64.
        description: that of the dataset.
    """

    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    description: Mapping[str, Any]


def write_prepared(path: str | Path, description: str | Path, dataset: Dataset) -> None:
    """Write the whole dataset as tensors, with its description inside and beside it."""
    write_tensors(path, dataset.tensors, {"name": dataset.name, "description": dict(dataset.description)})
    write_json(description, dict(dataset.description))


def load_examples(path: str | Path, settings: Mapping[str, Any]) -> Examples:
    """The first ``train_examples`` and ``test_examples`` of a prepared dataset, as networks read them.

    Raises:
        ArtifactError: the file is missing or damaged.
        DataError: it holds fewer examples than the settings ask for.
    """
    tensors, metadata = read_tensors(path)
    whole = Dataset(metadata["name"], description=metadata["description"], **tensors)
    part = training_subset(whole, settings["train_examples"], settings["test_examples"])
    return Examples(
        as_inputs(part.train_images),
        part.train_labels,
        as_inputs(part.test_images),
        part.test_labels,
        part.description,
    )
