"""ResNet-20 for 32 x 32 images (He et al., 2016, section 4.2; paper A, App. A)."""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from dropscape.dropout.layers import MaskedDropout
from dropscape.models.batch_norm import GroupedBatchNorm2d
from dropscape.models.chain import Chain


def resnet(classes: int, width: int = 16, blocks: int = 3) -> Chain:
    """A residual network of 6 * blocks + 2 layers in three stages of width, 2 width and 4 width channels.

    He et al.'s form for CIFAR: shortcuts without parameters (their option A), global average pooling, one dense layer.
    Their initialisation is normal with variance 2/fan-in (He et al., 2015); here as everywhere it is torch's default.

    Paper A puts dropout "after the convolutional layers". Here it stands after each convolution's batch norm: it
    commutes with the ReLU that follows, and masks what a block adds to its shortcut, never the shortcut itself, which
    nine masks in a row would drown.

    Args:
        classes: outputs.
        width: channels of the first stage.
        blocks: residual blocks a stage; 3 is ResNet-20.
    """
    network = OrderedDict(
        conv1=nn.Conv2d(3, width, 3, padding=1, bias=False),
        norm1=GroupedBatchNorm2d(width),
        dropout1=MaskedDropout(),
        relu1=nn.ReLU(),
    )
    channels = width
    for stage in range(3):
        out = width << stage
        residual = [ResidualBlock(channels if index == 0 else out, out) for index in range(blocks)]
        network[f"stage{stage + 1}"] = nn.Sequential(*residual)
        channels = out
    network["pool"] = nn.AdaptiveAvgPool2d(1)
    network["flatten"] = nn.Flatten()
    network["output"] = nn.Linear(channels, classes)
    return Chain(network)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; with more channels out than in, at half the resolution."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.stride = 1 if channels == out else 2
        self.added = out - channels
        self.conv1 = nn.Conv2d(channels, out, 3, stride=self.stride, padding=1, bias=False)
        self.norm1 = GroupedBatchNorm2d(out)
        self.dropout1 = MaskedDropout()
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = GroupedBatchNorm2d(out)
        self.dropout2 = MaskedDropout()

    def forward(self, x: Tensor) -> Tensor:
        """Images (n, C, H, W) to (n, C', H', W')."""
        inner = F.relu(self.dropout1(self.norm1(self.conv1(x))))
        inner = self.dropout2(self.norm2(self.conv2(inner)))
        return F.relu(inner + self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        """Option A: every second pixel, and channels of zeros for those that are new."""
        if self.stride == 1:
            return x
        before = self.added // 2
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.added - before))
