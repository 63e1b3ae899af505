"""The two convolutions with max-pooling of paper D's network, functions that autograd knows the gradient of."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dropscape.numerics.compiled_loops import aligned_zeros
from dropscape.subnetworks.convolutions_kernel import BLOCK, KERNEL, backward, forward

PADDING = KERNEL // 2  # of the first one


def convolutions(images: Tensor, conv1: Tensor, bias1: Tensor, conv2: Tensor, bias2: Tensor) -> Tensor:
    """Compute ReLU activations after the second pooling, (n, channels * side * side); compiled for float32 on a CPU.

    Images are (n, 1, side, side), weights (outputs, inputs, KERNEL, KERNEL); the first convolution has a padding.
    """
    if images.device.type == "cpu" and images.dtype == torch.float32:
        return _CompiledConvolutions.apply(images, conv1, bias1, conv2, bias2)
    # The ReLU is monotone: after the pooling it has a quarter of the work.
    z = F.relu(F.max_pool2d(F.conv2d(images, conv1, bias1, padding=PADDING), 2))
    return F.relu(F.max_pool2d(F.conv2d(z, conv2, bias2), 2)).flatten(1)


def stacked_convolutions(images: Tensor, conv1: Tensor, bias1: Tensor, conv2: Tensor, bias2: Tensor) -> Tensor:
    """Compute ``convolutions`` of N networks, each of images of its own, as products with all the patches.

    Images are (N, n, side + 2 PADDING, side + 2 PADDING), zero in the borders; parameters as for ``convolutions`` with
    the networks in front, and so are the results. Patches take some ten kernels and memory as it is copied, for any N,
    where libraries have grouped convolutions of so few channels in special cases only.
    """
    z = images[:, None]  # channels before the examples: a product's result is then the next one's images
    for weights, biases in ((conv1, bias1), (conv2, bias2)):
        patches = z.unfold(3, KERNEL, 1).unfold(4, KERNEL, 1).permute(0, 1, 5, 6, 2, 3, 4)
        shape = len(z), -1, *patches.shape[4:]
        products = torch.bmm(weights.flatten(2), patches.reshape(len(z), weights[0, 0].numel(), -1)).view(shape)
        pooled = F.max_pool2d(products.flatten(0, 1), 2).unflatten(0, products.shape[:2])
        z = F.relu(pooled + biases[:, :, None, None, None])
    return z.transpose(1, 2).flatten(2)


class _CompiledConvolutions(torch.autograd.Function):
    """``convolutions`` by the kernel, without the gradient with respect to the images."""

    @staticmethod
    def forward(context, images: Tensor, *parameters: Tensor) -> Tensor:
        conv1, bias1, conv2, bias2 = (parameter.detach().contiguous().numpy() for parameter in parameters)
        inputs = _side_by_side(images.numpy(), PADDING)
        first, winners1 = forward(inputs, conv1, bias1)
        second, winners2 = forward(first, conv2, bias2)
        context.passed = inputs, conv1, winners1, first, conv2, winners2, second.shape
        return torch.from_numpy(second).permute(0, 4, 1, 2, 3).flatten(0, 1).flatten(1)[: len(images)]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, conv1, winners1, first, conv2, winners2, shape = context.passed
        second_gradient = _side_by_side(gradient.numpy().reshape(-1, *shape[1:4]))
        first_gradient = aligned_zeros(*first.shape)
        moved2 = backward(first, conv2, second_gradient, winners2, first_gradient)
        moved1 = backward(inputs, conv1, first_gradient, winners1, None)
        return None, *(torch.from_numpy(moved) for moved in (*moved1, *moved2))


def _side_by_side(images: np.ndarray, border: int = 0) -> np.ndarray:
    """Cut (n, channels, side, side) into (blocks, channels, side + 2 border, side + 2 border, BLOCK), zero-padded."""
    count, channels, side, _ = images.shape
    filled = aligned_zeros(-(-count // BLOCK) * BLOCK, channels, side, side)
    filled[:count] = images
    blocks = filled.reshape(-1, BLOCK, channels, side, side).transpose(0, 2, 3, 4, 1)
    inputs = aligned_zeros(len(blocks), channels, side + 2 * border, side + 2 * border, BLOCK)
    inputs[:, :, border : border + side, border : border + side] = blocks
    return inputs
