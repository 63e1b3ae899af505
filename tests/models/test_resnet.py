"""ResNet-20 and ResNet-18: the published sizes, both kinds of shortcut, and dropout on what a block adds."""

import pytest
import torch
from torch import nn

from dropscape.dropout.layers import ModuleMasks, dropout_layers, masks_in_force, set_keep_prob
from dropscape.models.networks.resnet18 import ResNet18Settings
from dropscape.models.networks.resnet20 import ResNet20Settings
from dropscape.models.resnet import ResidualBlock

resnet, resnet18 = ResNet20Settings.build, ResNet18Settings.build


@pytest.mark.parametrize(("blocks", "layers", "millions"), [(3, 20, 0.27), (5, 32, 0.46), (9, 56, 0.85)])
def test_sizes_are_those_of_table_6_of_he_et_al(blocks, layers, millions):
    model = resnet(10, blocks=blocks)
    assert sum(value.ndim > 1 for value in model.parameters()) == layers
    assert sum(value.numel() for value in model.parameters()) == pytest.approx(1e6 * millions, rel=0.02)


def test_the_size_of_resnet18_is_the_one_known_for_cifar10():
    with torch.device("meta"):
        model = resnet18(10)
    assert sum(value.numel() for value in model.parameters()) == 11_173_962
    assert sum(value.ndim > 1 for value in model.parameters()) == 18 + 3, "three projections beside the 18 layers"
    names = dict(model.named_parameters())
    assert names["stage2.0.conv1.weight"].shape == (128, 64, 3, 3)
    assert names["stage3.0.conv1.weight"].shape == (256, 128, 3, 3)


@pytest.mark.parametrize(
    ("model", "expected"),
    [(resnet, [(16, 32), (32, 16), (64, 8)]), (resnet18, [(16, 32), (32, 16), (64, 8), (128, 4)])],
)
def test_feature_maps_halve_as_channels_double(model, expected):
    network, shapes = model(5, width=16).eval(), []
    for number in range(1, len(expected) + 1):
        stage = network.get_submodule(f"stage{number}")
        stage.register_forward_hook(lambda module, given, out: shapes.append(tuple(out.shape[1:])))
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 5)
    assert shapes == [(channels, size, size) for channels, size in expected]


@pytest.mark.parametrize(("channels", "out"), [(4, 4), (4, 8)])
def test_a_block_that_adds_nothing_is_its_shortcut(channels, out):
    """Option A: the identity, or every second pixel between channels of zeros."""
    block, x = ResidualBlock(channels, out).eval(), torch.rand(3, channels, 8, 8)
    nn.init.zeros_(block.norm2.weight)
    given = block(x)
    if channels == out:
        assert torch.equal(given, x)
    else:
        assert torch.equal(given[:, 2:6], x[:, :, ::2, ::2])
        assert not given[:, :2].any() and not given[:, 6:].any()


def test_a_projecting_block_that_adds_nothing_is_every_second_pixel_through_a_dense_layer():
    """Option B: a 1 x 1 convolution of stride 2 is one matrix at every second pixel."""
    block, x = ResidualBlock(4, 6, projection=True).eval(), torch.rand(3, 4, 8, 8)
    nn.init.zeros_(block.norm2.weight)
    block.projection.norm.running_mean.uniform_()
    projected = torch.einsum("oc,nchw->nohw", block.projection.conv.weight[:, :, 0, 0], x[:, :, ::2, ::2])
    expected = (projected - block.projection.norm.running_mean[:, None, None]) / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(block(x), expected.relu())
    assert ResidualBlock(4, 4, projection=True).projection is None


@pytest.mark.parametrize(("model", "convolutions"), [(resnet, 19), (resnet18, 17)])
def test_dropout_masks_every_convolution_and_no_shortcut(model, convolutions):
    dropouts = dropout_layers(model(5, width=2))
    inner = [
        name
        for name, module in model(5, width=2).named_modules()
        if isinstance(module, nn.Conv2d) and "projection" not in name
    ]
    assert [name.replace("dropout", "conv") for name in dropouts] == inner and len(inner) == convolutions
    for projection in (False, True):
        block, x = ResidualBlock(4, 8, projection).eval(), torch.rand(3, 4, 8, 8)
        set_keep_prob(block, (1, 1e-6))
        with masks_in_force(block, ModuleMasks(0, "test", "masks"), 0, 0):
            assert torch.equal(block(x), block._shortcut(x).relu()), "all that the block adds is dropped"


def test_dropout_before_relu_is_dropout_after_it():
    model, x = resnet(5, width=2, blocks=1).eval(), torch.rand(3, 3, 32, 32)
    set_keep_prob(model, 0.5)
    source = ModuleMasks(0, "test", "masks")
    with masks_in_force(model, source, 0, 0):
        given = model.relu1(model.dropout1(model.norm1(model.conv1(x))))
    activation = model.norm1(model.conv1(x)).relu()
    torch.testing.assert_close(given, activation * source.mask(0, "dropout1", 0.5, 0, activation.shape) / 0.5)
