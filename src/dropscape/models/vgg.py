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
VGG9 = ((64, 64), (128, 128), (256, 256, 256))
VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def vgg9(classes: int, width: float = 1.0) -> Chain:
    """VGG-9 with dropout after the pooling layers (paper A, App. A).

    Args:
        classes: outputs.
        width: factor on all numbers of channels.
    """
    return _vgg(VGG9, classes, width, after_convolutions=0, after_pooling=True, after_dense=False)


def vgg16(classes: int, width: float = 1.0) -> Chain:
    """VGG-16 with dropout after each block's first two convolutions and the first dense layer (paper C, Fig. 3b).

    Arguments are those of ``vgg9``.
    """
    return _vgg(VGG16, classes, width, after_convolutions=2, after_pooling=False, after_dense=True)


def _vgg(
    blocks: Sequence[Sequence[int]],
    classes: int,
    width: float,
    *,
    after_convolutions: int,
    after_pooling: bool,
    after_dense: bool,
) -> Chain:
    """Images (n, 3, 32, 32) to (n, classes); dropout masks activations, after ReLU or pooling."""
    network, channels = OrderedDict(), 3
    for number, block in enumerate(blocks, 1):
        layers = OrderedDict()
        for index, out in enumerate((round(width * full) for full in block), 1):
            layers[f"conv{index}"] = nn.Conv2d(channels, out, 3, padding=1)
            layers[f"norm{index}"] = GroupedBatchNorm2d(out)
            layers[f"relu{index}"] = nn.ReLU()
            if index <= after_convolutions:
                layers[f"dropout{index}"] = MaskedDropout()
            channels = out
        layers["pool"] = nn.MaxPool2d(2)
        if after_pooling:
            layers["dropout"] = MaskedDropout()
        network[f"block{number}"] = nn.Sequential(layers)
    dense = OrderedDict(flatten=nn.Flatten())
    dense["linear"] = nn.Linear(channels * (IMAGE_SIZE >> len(blocks)) ** 2, channels)
    dense["norm"] = GroupedBatchNorm1d(channels)
    dense["relu"] = nn.ReLU()
    if after_dense:
        dense["dropout"] = MaskedDropout()
    network["dense"] = nn.Sequential(dense)
    network["output"] = nn.Linear(channels, classes)
    return Chain(network)
