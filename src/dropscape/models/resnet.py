"""ResNet-20 and ResNet-18 for 32 x 32 images (He et al., 2016; paper A, App. A; paper B, Fig. 7(c))."""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from dropscape.dropout.layers import MaskedDropout
from dropscape.models.batch_norm import GroupedBatchNorm2d
from dropscape.models.chain import Chain


def resnet(classes: int, width: int, *, stages: int, blocks: int, projection: bool) -> Chain:
    """Build a network from images (n, 3, 32, 32) to (n, classes); stage s has 2^(s - 1) ``width`` channels.

    Paper A puts dropout "after the convolutional layers", paper B does not say where. Here it stands after each
    convolution's batch norm, shortcuts left out: it commutes with the ReLU that follows, and masks what a block adds to
    its shortcut, never the shortcut itself, which nine masks in a row would drown. He et al.'s initialisation is normal
    with variance 2/fan-in (He et al., 2015); here as everywhere it is torch's default.
    """
    network = OrderedDict(
        conv1=nn.Conv2d(3, width, 3, padding=1, bias=False),
        norm1=GroupedBatchNorm2d(width),
        dropout1=MaskedDropout(),
        relu1=nn.ReLU(),
    )
    channels = width
    for stage in range(stages):
        out = width << stage
        residual = [ResidualBlock(channels if index == 0 else out, out, projection) for index in range(blocks)]
        network[f"stage{stage + 1}"] = nn.Sequential(*residual)
        channels = out
    network["pool"] = nn.AdaptiveAvgPool2d(1)
    network["flatten"] = nn.Flatten()
    network["output"] = nn.Linear(channels, classes)
    return Chain(network)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; with more channels out than in, at half the resolution.

    With ``projection`` a shortcut to more channels is a 1 x 1 convolution with batch norm (option B), else it adds
    channels of zeros (option A).
    """

    def __init__(self, channels: int, out: int, projection: bool = False):
        super().__init__()
        self.stride = 1 if channels == out else 2
        self.added = out - channels
        self.conv1 = nn.Conv2d(channels, out, 3, stride=self.stride, padding=1, bias=False)
        self.norm1 = GroupedBatchNorm2d(out)
        self.dropout1 = MaskedDropout()
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = GroupedBatchNorm2d(out)
        self.dropout2 = MaskedDropout()
        self.projection = None
        if projection and channels != out:
            convolution = nn.Conv2d(channels, out, 1, stride=self.stride, bias=False)
            self.projection = nn.Sequential(OrderedDict(conv=convolution, norm=GroupedBatchNorm2d(out)))

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, C, H, W) to (n, C', H', W')."""
        inner = F.relu(self.dropout1(self.norm1(self.conv1(x))))
        inner = self.dropout2(self.norm2(self.conv2(inner)))
        return F.relu(inner + self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        """Return the input; to more channels its projection, or every second pixel between channels of zeros."""
        if self.projection is not None:
            return self.projection(x)
        if self.stride == 1:
            return x
        before = self.added // 2
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.added - before))
