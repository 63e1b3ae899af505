"""Datasets of the user's own: images with their labels, from a function that the configuration names."""

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from dropscape.data.dataset import Dataset
from dropscape.errors import DataError
from dropscape.own_code import imported

PARTS = ("train_images", "train_labels", "test_images", "test_labels")


def own(name: str, function: str) -> Dataset:
    """The dataset ``name`` as ``function`` gives it.

    The function takes nothing and returns a mapping with ``train_images`` and ``test_images``, uint8 of shape
    (n, height, width) or (n, 3, height, width), ``train_labels`` and ``test_labels``, whole numbers from 0, all
    as arrays or tensors; and, if it likes, ``label``, what the footer of a figure says, and ``licence``.

    Args:
        name: of the dataset.
        function: ``package.module:function``.

    Raises:
        ConfigurationError: it cannot be imported.
        DataError: what it returned is no dataset.
    """
    given = imported(function, f"datasets.{name}")()
    missing = [part for part in PARTS if part not in given] if isinstance(given, Mapping) else PARTS
    if missing:
        raise DataError(
            f"The function '{function}' of dataset '{name}' (`datasets` in the configuration) returned no "
            f"{', '.join(missing)}; return a mapping with {', '.join(PARTS)}."
        )
    tensors = {part: torch.as_tensor(given[part]) for part in PARTS}
    for part in ("train_labels", "test_labels"):
        tensors[part] = tensors[part].long()
    return Dataset(name, **tensors, description=_description(name, function, given, tensors))


def _description(
    name: str, function: str, given: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
) -> dict[str, Any]:
    file = Path(find_spec(function.partition(":")[0]).origin)
    return {
        "dataset": name,
        "source": "own",
        "origin": function,
        "files": {file.name: {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "official": False}},
        "checksums_verified": False,
        "counts": {"train": len(tensors["train_labels"]), "test": len(tensors["test_labels"])},
        "classes": int(max(tensors["train_labels"].max(), tensors["test_labels"].max())) + 1,
        "licence": given.get("licence", "not stated"),
        "differs": "",
        "label": given.get("label", f"{name}, by {function}"),
    }
