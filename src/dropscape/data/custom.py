"""Custom datasets: images with their labels, from a function that the configuration names."""

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch

from dropscape.custom_code import imported
from dropscape.data.dataset import Dataset
from dropscape.errors import DataError

KEYS = ("train_images", "train_labels", "test_images", "test_labels")


def custom(name: str, function: str) -> Dataset:
    """Load the dataset ``name`` from ``function``, written ``package.module:function``.

    The function takes nothing and returns a mapping with ``train_images`` and ``test_images``, uint8 of shape
    (n, height, width) or (n, 3, height, width), ``train_labels`` and ``test_labels``, whole numbers from 0, all
    as arrays or tensors; and, if it likes, ``label``, what the footer of a figure says, and ``licence``. A
    ConfigurationError says that it cannot be imported, a DataError that what it returned is no dataset.
    """
    given = imported(function, f"datasets.{name}")()
    missing = [key for key in KEYS if key not in given] if isinstance(given, Mapping) else KEYS
    if missing:
        raise DataError(
            f"The function '{function}' of dataset '{name}' (`datasets` in the configuration) did not return "
            f"{', '.join(missing)}; return a mapping with {', '.join(KEYS)}."
        )
    tensors = {key: torch.as_tensor(given[key]) for key in KEYS}
    for key in ("train_labels", "test_labels"):
        tensors[key] = tensors[key].long()
    file = Path(find_spec(function.partition(":")[0]).origin)
    description = {
        "dataset": name,
        "source": "custom",
        "origin": function,
        "files": {file.name: {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "official": False}},
        "checksums_verified": False,
        "counts": {"train": len(tensors["train_labels"]), "test": len(tensors["test_labels"])},
        "classes": int(max(tensors["train_labels"].max(), tensors["test_labels"].max())) + 1,
        "licence": given.get("licence", "not stated"),
        "differs": "",
        "label": given.get("label", f"{name}, by {function}"),
    }
    return Dataset(name, **tensors, description=description)
