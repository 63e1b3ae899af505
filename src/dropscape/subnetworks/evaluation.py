"""The scores of many sub-networks of one network at once.

Sub-networks differ only in the output layer, whose weights a mask multiplies. So the activations are computed once, and
the scores of all masks are one product with the stack of their masked output weights. Activations are made a tile of
units at a time and the scores summed up, so that no array depends on the width.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from dropscape.numerics.products import add_product, product
from dropscape.subnetworks.cnn import Parameters, features

UNITS = 1024  # of a tile
EXAMPLES = 2000  # at a time
IMAGES = 256  # at a time in the convolutions


def accuracies(parameters: Parameters, images: Tensor, labels: Tensor, masks: Tensor, scales: Tensor) -> Tensor:
    """Compute the share of examples that each sub-network classifies correctly, float64 (K,).

    Args:
        images, labels: (n, 1, side, side), and (n,) int64.
        masks: (K, m) bool, True where a unit is kept.
        scales: (K,), what kept units are multiplied by.
    """
    right = torch.zeros(len(masks), dtype=torch.int64, device=labels.device)
    for chunk in _chunks(len(labels), EXAMPLES):
        scores = subnetwork_scores(parameters, images[chunk], masks, scales)
        right += (scores.argmax(dim=1) == labels[chunk]).sum(dim=1)
    return right.double() / len(labels)


def subnetwork_scores(parameters: Parameters, images: Tensor, masks: Tensor, scales: Tensor) -> Tensor:
    """Compute the outputs of every sub-network for every image, (K, classes, n); arguments as for ``accuracies``."""
    with torch.no_grad():
        below = torch.cat([features(parameters, images[chunk]) for chunk in _chunks(len(images), IMAGES)])
        incoming, outgoing = parameters["incoming"], parameters["outgoing"].T
        count, classes = len(masks), len(outgoing)
        scores = below.new_zeros(count * classes, len(images))
        for tile in _chunks(masks.shape[1], UNITS):
            hidden = F.relu(product(incoming[tile], below.T))
            stacked = masks[:, None, tile] * outgoing[:, tile]
            add_product(scores, stacked.flatten(0, 1), hidden)
        scores = scores.reshape(count, classes, -1)
        return scores.mul_(scales[:, None, None]).add_(parameters["output_bias"][:, None])


def _chunks(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))
