"""The two convolutions with max-pooling of paper D's network, a function that autograd knows the gradient of."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dropscape.numerics.lanes import LANES
from dropscape.subnetworks.convolutions_kernel import KERNEL, backward, forward, zeros

PADDING = KERNEL // 2  # of the first one


def convolutions(images: Tensor, conv1: Tensor, bias1: Tensor, conv2: Tensor, bias2: Tensor) -> Tensor:
    """ReLU activations after the second pooling, (n, channels * side * side); compiled for float32 on a processor.

    Args:
        images: (n, 1, side, side).
        conv1, conv2: weights (outputs, inputs, KERNEL, KERNEL), the first one with a padding.
        bias1, bias2: (outputs,).
    """
    if images.device.type == "cpu" and images.dtype == torch.float32:
        return _Compiled.apply(images, conv1, bias1, conv2, bias2)
    # The ReLU is monotone: after the pooling it has a quarter of the work.
    z = F.relu(F.max_pool2d(F.conv2d(images, conv1, bias1, padding=PADDING), 2))
    return F.relu(F.max_pool2d(F.conv2d(z, conv2, bias2), 2)).flatten(1)


class _Compiled(torch.autograd.Function):
    """The same by the kernel; the gradient with respect to the images is not computed."""

    @staticmethod
    def forward(context, images: Tensor, *parameters: Tensor) -> Tensor:
        conv1, bias1, conv2, bias2 = (parameter.detach().contiguous().numpy() for parameter in parameters)
        inputs = _in_lanes(images.numpy(), PADDING)
        first, winners1 = forward(inputs, conv1, bias1)
        second, winners2 = forward(first, conv2, bias2)
        context.passed = inputs, conv1, winners1, first, conv2, winners2, second.shape
        return torch.from_numpy(second).permute(0, 4, 1, 2, 3).flatten(0, 1).flatten(1)[: len(images)]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, conv1, winners1, first, conv2, winners2, shape = context.passed
        of_second = _in_lanes(gradient.numpy().reshape(-1, *shape[1:4]))
        of_first = zeros(*first.shape)
        moved2 = backward(first, conv2, of_second, winners2, of_first)
        moved1 = backward(inputs, conv1, of_first, winners1, None)
        return None, *(torch.from_numpy(part) for part in (*moved1, *moved2))


def _in_lanes(images: np.ndarray, border: int = 0) -> np.ndarray:
    """(n, channels, side, side) as blocks of ``LANES``, with a border of zeros; what fills the last one up is zero.

    Returns:
        (blocks, channels, side + 2 border, side + 2 border, LANES).
    """
    count, channels, side, _ = images.shape
    filled = zeros(-(-count // LANES) * LANES, channels, side, side)
    filled[:count] = images
    lanes = filled.reshape(-1, LANES, channels, side, side).transpose(0, 2, 3, 4, 1)
    inputs = zeros(len(lanes), channels, side + 2 * border, side + 2 * border, LANES)
    inputs[:, :, border : border + side, border : border + side] = lanes
    return inputs
