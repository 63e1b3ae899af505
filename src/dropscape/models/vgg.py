"""VGG networks for 32 x 32 images (paper A, App. A; paper C, Fig. 3b).

The papers name Simonyan & Zisserman's networks without their form for small images. The learning rate and its drops in
paper A's App. A are those of Li et al. (Visualizing the loss landscape of neural nets, 2018), so this is their form:
3 x 3 convolutions with batch norm in blocks that end in a pooling, one hidden dense layer with batch norm, and the
output layer. VGG-9 has seven convolutions and two dense layers, VGG-16 thirteen and two.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from dropscape.dropout.layers import MaskedDropout
from dropscape.models.batch_norm import GroupedBatchNorm1d, GroupedBatchNorm2d
from dropscape.models.chain import Chain

IMAGE_SIZE = 32


def vgg(
    blocks: Sequence[Sequence[int]],
    classes: int,
    width: float,
    *,
    dropouts_in_block: int = 0,
    dropout_after_pooling: bool = False,
    dropout_after_dense: bool = False,
) -> Chain:
    """Build a network from images (n, 3, 32, 32) to (n, classes); dropout masks activations, after ReLU or pooling.

    Args:
        blocks: channels of each convolution, block by block.
        classes: outputs.
        width: multiplies every number of channels.
        dropouts_in_block: how many of a block's first convolutions have dropout after them.
        dropout_after_pooling: whether each block ends in dropout.
        dropout_after_dense: whether the hidden dense layer has dropout.
    """
    network, channels = OrderedDict(), 3
    for number, block in enumerate(blocks, 1):
        layers = OrderedDict()
        for index, out in enumerate((round(width * full) for full in block), 1):
            layers[f"conv{index}"] = nn.Conv2d(channels, out, 3, padding=1)
            layers[f"norm{index}"] = GroupedBatchNorm2d(out)
            layers[f"relu{index}"] = nn.ReLU()
            if index <= dropouts_in_block:
                layers[f"dropout{index}"] = MaskedDropout()
            channels = out
        layers["pool"] = nn.MaxPool2d(2)
        if dropout_after_pooling:
            layers["dropout"] = MaskedDropout()
        network[f"block{number}"] = nn.Sequential(layers)
    dense = OrderedDict(flatten=nn.Flatten())
    dense["linear"] = nn.Linear(channels * (IMAGE_SIZE >> len(blocks)) ** 2, channels)
    dense["norm"] = GroupedBatchNorm1d(channels)
    dense["relu"] = nn.ReLU()
    if dropout_after_dense:
        dense["dropout"] = MaskedDropout()
    network["dense"] = nn.Sequential(dense)
    network["output"] = nn.Linear(channels, classes)
    return Chain(network)
