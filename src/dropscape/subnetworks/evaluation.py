"""The scores of many sub-networks of one network at once.

Sub-networks differ only in the output layer, whose weights a mask multiplies. So the activations are computed once, and
the scores of all masks are one product with the stack of their masked output weights. Activations are made a tile of
units at a time and the scores summed up, so that no array depends on the width.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dropscape.numerics.products import add_product, product
from dropscape.subnetworks.cnn import Parameters, features


class Tiles(NamedTuple):
    """How much is computed at a time."""

    units: int
    examples: int
    images: int  # in the convolutions


# A processor's stay in its cache; a GPU's, of 0.6 GiB, take longer than the launches of their kernels.
TILES = {"cpu": Tiles(1024, 2000, 256), "cuda": Tiles(16_384, 10_000, 2000)}


def accuracies(parameters: Parameters, images: Tensor, labels: Tensor, masks: Tensor, scales: Tensor) -> Tensor:
    """Compute the share of examples that each sub-network classifies correctly, float64 (K,).

    Images are (n, 1, side, side), labels (n,) int64, ``masks`` (K, m) bool, True where a unit is kept, and ``scales``
    (K,) what kept units are multiplied by.
    """
    right = torch.zeros(len(masks), dtype=torch.int64, device=labels.device)
    examples = TILES[labels.device.type].examples
    for few, classes in zip(images.split(examples), labels.split(examples), strict=True):
        right += (subnetwork_scores(parameters, few, masks, scales).argmax(dim=1) == classes).sum(dim=1)
    return right.double() / len(labels)


def subnetwork_scores(parameters: Parameters, images: Tensor, masks: Tensor, scales: Tensor) -> Tensor:
    """Compute the outputs of every sub-network for every image, (K, classes, n); arguments as for ``accuracies``."""
    tiles = TILES[images.device.type]
    with torch.no_grad():
        below = torch.cat([features(parameters, few) for few in images.split(tiles.images)])
        by_unit = parameters["incoming"], parameters["outgoing"], masks.T
        scores = below.new_zeros(len(masks) * parameters["outgoing"].shape[1], len(images))
        for incoming, outgoing, kept in zip(*(values.split(tiles.units) for values in by_unit), strict=True):
            stacked = kept.T[:, None] * outgoing.T
            add_product(scores, stacked.flatten(0, 1), F.relu(product(incoming, below.T)))
        scores = scores.reshape(len(masks), -1, len(images))
        return scores.mul_(scales[:, None, None]).add_(parameters["output_bias"][:, None])
