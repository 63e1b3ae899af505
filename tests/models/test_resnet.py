"""ResNet-20: the published size, option A's shortcuts, and dropout on what a block adds."""

import pytest
import torch
from torch import nn

from dropscape.dropout.layers import GroupMasks, dropout_layers, masks_in_force, set_keep_prob
from dropscape.models.resnet import ResidualBlock, resnet


@pytest.mark.parametrize(("blocks", "layers", "millions"), [(3, 20, 0.27), (5, 32, 0.46), (9, 56, 0.85)])
def test_sizes_are_those_of_table_6_of_he_et_al(blocks, layers, millions):
    model = resnet(10, blocks=blocks)
    assert sum(value.ndim > 1 for value in model.parameters()) == layers
    assert sum(value.numel() for value in model.parameters()) == pytest.approx(1e6 * millions, rel=0.02)


def test_feature_maps_halve_as_channels_double():
    model, shapes = resnet(5).eval(), []
    for stage in (model.stage1, model.stage2, model.stage3):
        stage.register_forward_hook(lambda module, given, out: shapes.append(tuple(out.shape[1:])))
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 5)
    assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


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


def test_dropout_masks_every_convolution_and_no_shortcut():
    model = resnet(5, width=2).eval()
    assert len(dropout_layers(model)) == sum(isinstance(module, nn.Conv2d) for module in model.modules()) == 19
    block, x = ResidualBlock(4, 4).eval(), torch.rand(3, 4, 8, 8)
    set_keep_prob(block, (1, 1e-6))
    with masks_in_force(block, GroupMasks(0, "test", "masks"), 0, 0):
        assert torch.equal(block(x), x), "all that the block adds is dropped"


def test_dropout_before_relu_is_dropout_after_it():
    model, x = resnet(5, width=2, blocks=1).eval(), torch.rand(3, 3, 32, 32)
    set_keep_prob(model, 0.5)
    source = GroupMasks(0, "test", "masks")
    with masks_in_force(model, source, 0, 0):
        given = model.relu1(model.dropout1(model.norm1(model.conv1(x))))
    activation = model.norm1(model.conv1(x)).relu()
    torch.testing.assert_close(given, activation * source.mask(0, "dropout1", 0.5, 0, activation.shape) / 0.5)
