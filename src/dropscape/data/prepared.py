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


def load_examples(path: str | Path, settings: Mapping[str, Any]) -> Examples:
    """Read the first ``train_examples`` and ``test_examples`` of a prepared dataset, as networks read them.

    ``examples`` says what else the settings may hold, what is used where they do not, and which errors there are; a
    missing or damaged file is an ArtifactError.
    """
    tensors, metadata = read_tensors(path)
    if "train_images" in tensors:
        return image_examples(Dataset(**metadata, **tensors), settings)
    if "train_inputs" in tensors:
        return point_examples(Points(**metadata, **tensors), settings)
    return pair_examples(Corpus(**metadata, **tensors), settings)
