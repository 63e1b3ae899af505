"""The prepared dataset on disk, and the examples of it that an experiment uses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropscape.artifacts.files import write_json
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.data.corpus import Corpus
from dropscape.data.dataset import Dataset
from dropscape.data.examples import Examples, image_examples, pair_examples, point_examples
from dropscape.data.points import Points


def write_prepared(path: str | Path, description: str | Path, dataset: Dataset | Corpus | Points) -> None:
    """Write the whole dataset as tensors, with its description inside and beside it."""
    write_tensors(path, dataset.tensors, dataset.metadata)
    write_json(description, dict(dataset.description))


def load_examples(path: str | Path, settings: Mapping[str, Any], device: str = "cpu") -> Examples:
    """Read the first ``train_examples`` and ``test_examples`` of a prepared dataset onto a device for networks to read.

    ``examples`` says what else the settings may hold, what is used where they do not, and which errors there are; a
    missing or damaged file is an ArtifactError.
    """
    tensors, metadata = read_tensors(path)
    if "train_images" in tensors:
        examples = image_examples(Dataset(**metadata, **tensors), settings)
    elif "train_inputs" in tensors:
        examples = point_examples(Points(**metadata, **tensors), settings)
    else:
        examples = pair_examples(Corpus(**metadata, **tensors), settings)
    return examples.to(device)
