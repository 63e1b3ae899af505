"""A loaded dataset of images, and the form in which a network reads it.

This module knows no file format and no source, so that the stages that only use examples do not depend on how
they were loaded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dropscape.data.stored import Stored
from dropscape.errors import DataError


@dataclass(frozen=True, eq=False)
class Dataset(Stored):
    """Images with their labels, and where they come from; a DataError names images and labels that do not fit.

    The description can be written as json. Always there: ``dataset``, ``source``, ``origin`` (which copy it is, in
    words), ``files`` (sha256 of each file that was read), ``checksums_verified`` (whether every file is the one that is
    expected of the source), ``counts``, ``classes``, ``licence``, ``differs`` (in what it differs from the official
    release, in words; empty if in nothing) and ``label`` (the short text for the footer of a figure).
    """

    name: str  # in the configuration
    train_images: Tensor  # uint8, (n, ...), grey levels or colours from 0 to 255
    train_labels: Tensor  # int64, (n,), from 0 to ``description["classes"] - 1``
    test_images: Tensor
    test_labels: Tensor
    description: Mapping[str, Any]

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            self._check(split, getattr(self, f"{split}_images"), getattr(self, f"{split}_labels"))

    def _check(self, split: str, images: Tensor, labels: Tensor) -> None:
        where = f"'{self.name}' from {self.description['origin']} (`source: {self.description['source']}`)"
        if images.dtype != torch.uint8 or labels.dtype != torch.int64 or labels.ndim != 1:
            raise DataError(
                f"The {split} split of dataset {where} has {images.dtype} images with {labels.dtype} labels "
                f"of shape {tuple(labels.shape)}; they must be uint8 images with one int64 label each."
            )
        if len(images) != len(labels):
            raise DataError(
                f"Dataset {where} has {len(images):,} {split} images but {len(labels):,} {split} "
                "labels; take both from the same release, or write another `source` in the configuration."
            )
        classes = self.description["classes"]
        wrong = torch.nonzero((labels < 0) | (labels >= classes)).flatten()
        if len(wrong):
            first = int(wrong[0])
            raise DataError(
                f"Dataset {where} has {len(wrong):,} {split} labels outside 0 to {classes - 1} "
                f"(the first is {int(labels[first])}, example {first} counted from 0); replace the labels by "
                "the official ones, or write another `source` in the configuration."
            )


def as_inputs(images: Tensor, channels: tuple[Sequence[float], Sequence[float]] | None = None) -> Tensor:
    """Turn images uint8 into inputs float32: grey (n, h, w) into rows (n, h * w), colour (n, 3, h, w) as it is.

    The papers do not say how they normalise. Without ``channels``, pixels are divided by 255 and nothing else: no
    mean is subtracted and no variance set, so a black pixel stays exactly 0. With the mean and the standard
    deviation of each channel, constants for pixels from 0 to 1, the one is subtracted and the other divided by.
    In neither case does an input depend on the other examples.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"as_inputs reads uint8 images, not {images.dtype}")
    inputs = images.to(torch.float32).div_(255)
    if channels:
        mean, deviation = (torch.tensor(constants).reshape(-1, 1, 1) for constants in channels)
        inputs.sub_(mean).div_(deviation)
    return inputs if images.ndim == 4 else inputs.flatten(start_dim=1)
