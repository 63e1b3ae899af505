"""VGG networks: the published counts, and dropout where the papers put it."""

import pytest
import torch
from torch import nn

from dropscape.dropout.layers import MaskedDropout
from dropscape.models.batch_norm import batch_norms
from dropscape.models.networks.vgg9 import Vgg9Settings
from dropscape.models.networks.vgg16 import Vgg16Settings

vgg9, vgg16 = Vgg9Settings.build, Vgg16Settings.build


def kinds(model):
    """The network's layers in order, without names."""
    leaves = [module for module in model.modules() if not list(module.children())]
    return [type(leaf).__name__.replace("GroupedBatchNorm2d", "Norm").replace("GroupedBatchNorm1d", "Norm")
            for leaf in leaves]  # fmt: skip


def test_vgg16_has_the_thirteen_convolutions_of_configuration_d():
    """14,714,688 parameters in convolutions, as Simonyan and Zisserman's; batch norm and dense layers beside."""
    model = vgg16(10)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert sum(value.numel() for layer in convolutions for value in layer.parameters()) == 14_714_688
    dense = [module for module in model.modules() if isinstance(module, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in dense] == [(512, 512), (512, 10)]
    assert sum(value.numel() for value in model.parameters()) == 14_991_946


def test_vgg9_has_nine_layers_with_weights():
    model = vgg9(10)
    assert [value.shape[0] for value in model.parameters() if value.ndim > 1] == [64, 64, 128, 128] + [256] * 4 + [10]
    assert len(batch_norms(model)) == 8
    assert model.dense.linear.in_features == 256 * 4 * 4


def test_dropout_of_vgg9_follows_the_pooling_layers():
    order = kinds(vgg9(10, 1 / 32))
    positions = [position for position, kind in enumerate(order) if kind == "MaskedDropout"]
    assert [order[position - 1] for position in positions] == ["MaxPool2d"] * 3
    assert order.count("MaxPool2d") == 3


def test_dropout_of_vgg16_follows_two_convolutions_a_block_and_the_first_dense_layer():
    order = kinds(vgg16(10, 1 / 64))
    with_dropout = ["Conv2d", "Norm", "ReLU", "MaskedDropout"]
    short = [*with_dropout * 2, "MaxPool2d"]
    long = [*with_dropout * 2, "Conv2d", "Norm", "ReLU", "MaxPool2d"]
    assert order == [*short * 2, *long * 3, "Flatten", "Linear", "Norm", "ReLU", "MaskedDropout", "Linear"]


@pytest.mark.parametrize("build", [vgg9, vgg16])
def test_images_become_one_output_a_class(build):
    model = build(7, width=1 / 64).eval()
    assert model(torch.rand(3, 3, 32, 32)).shape == (3, 7)
    assert all(layer.keep_prob == 1 for layer in model.modules() if isinstance(layer, MaskedDropout))
