"""ResNet-20 and ResNet-18 for 32 x 32 images (He et al., 2016; paper A, App. A; paper B, Fig. 7(c))."""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from dropscape.dropout.layers import MaskedDropout
from dropscape.models.batch_norm import GroupedBatchNorm2d
from dropscape.models.chain import Chain


def resnet(classes: int, width: int = 16, blocks: int = 3) -> Chain:
    """A residual network of 6 * blocks + 2 layers in three stages of width, 2 width and 4 width channels.

    He et al.'s form for CIFAR (section 4.2): shortcuts without parameters (their option A), global average pooling, one
    dense layer. Their initialisation is normal with variance 2/fan-in (He et al., 2015); here as everywhere it is
    torch's default.

    Paper A puts dropout "after the convolutional layers". Here it stands after each convolution's batch norm: it
    commutes with the ReLU that follows, and masks what a block adds to its shortcut, never the shortcut itself, which
    nine masks in a row would drown.

    Args:
        classes: outputs.
        width: channels of the first stage.
        blocks: residual blocks a stage; 3 is ResNet-20.
    """
    return _residual(classes, width, stages=3, blocks=blocks, projection=False)


def resnet18(classes: int, width: int = 64) -> Chain:
    """ResNet-18: four stages of two residual blocks, of width, 2, 4 and 8 width channels.

    He et al.'s Table 1 is for images of 224 pixels; for 32 the first convolution is 3 x 3 and no pooling follows it, as
    is commonly done. Shortcuts between stages are 1 x 1 convolutions with batch norm (their option B). Paper B does not
    say where its dropout stands: here as in ``resnet``, after each convolution's batch norm, shortcuts left out.

    The first convolutions of the second and the third stage, paper B's conv2-1 and conv3-1, are
    ``stage2.0.conv1.weight`` and ``stage3.0.conv1.weight``.

    Args:
        classes: outputs.
        width: channels of the first stage; 64 is the published network.
    """
    return _residual(classes, width, stages=4, blocks=2, projection=True)


def _residual(classes: int, width: int, *, stages: int, blocks: int, projection: bool) -> Chain:
    """Images (n, 3, 32, 32) to (n, classes); stage s has 2^(s - 1) ``width`` channels."""
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

    Args:
        channels, out: in and out.
        projection: whether a shortcut to more channels is a 1 x 1 convolution with batch norm (option B) and not
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
        """Images (n, C, H, W) to (n, C', H', W')."""
        inner = F.relu(self.dropout1(self.norm1(self.conv1(x))))
        inner = self.dropout2(self.norm2(self.conv2(inner)))
        return F.relu(inner + self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        """The input itself; to more channels its projection, or every second pixel between channels of zeros."""
        if self.projection is not None:
            return self.projection(x)
        if self.stride == 1:
            return x
        before = self.added // 2
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.added - before))
