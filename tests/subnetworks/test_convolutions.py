"""The compiled convolutions against PyTorch's in float64: values, gradients, ties and borders."""

import pytest
import torch
from torch.nn.functional import conv2d, max_pool2d

from dropscape.subnetworks.convolutions import convolutions

SHAPES = [(64, 28, (6, 16)), (5, 13, (3, 2)), (33, 15, (1, 4)), (32, 12, (2, 3))]


def problem(n, side, channels, seed=0):
    """Images with blank areas, in which all four positions of a pixel are equal, and parameters in float32."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, 1, side, side, generator=generator)
    images[:, :, : side // 2] = 0
    shapes = (channels[0], 1, 5, 5), channels[:1], (channels[1], channels[0], 5, 5), channels[1:]
    return images, [torch.randn(shape, generator=generator) / 4 for shape in shapes]


def usual(images, conv1, bias1, conv2, bias2):
    """ReLU before pooling, as it is usually written."""
    z = max_pool2d(torch.relu(conv2d(images, conv1, bias1, padding=2)), 2)
    return max_pool2d(torch.relu(conv2d(z, conv2, bias2)), 2).flatten(1)


def with_gradients(function, images, parameters):
    """The activations, and the parameters' gradients of a sum of them with weights that differ."""
    leaves = [parameter.clone().requires_grad_() for parameter in parameters]
    outputs = function(images, *leaves)
    weights = torch.arange(outputs.numel(), dtype=outputs.dtype).reshape(outputs.shape).sin()
    return outputs.detach(), torch.autograd.grad((outputs * weights).sum(), leaves)


@pytest.mark.parametrize("n, side, channels", SHAPES)
def test_they_are_those_of_pytorch(n, side, channels):
    images, parameters = problem(n, side, channels)
    expected, gradients = with_gradients(usual, images.double(), [parameter.double() for parameter in parameters])
    outputs, moved = with_gradients(convolutions, images, parameters)
    assert outputs.dtype == torch.float32 and (outputs == 0).any() and (outputs > 0).any()
    torch.testing.assert_close(outputs.double(), expected, rtol=1e-5, atol=1e-5)
    for ours, wanted in zip(moved, gradients, strict=True):
        torch.testing.assert_close(
            ours.double(), wanted, rtol=0, atol=2e-6 * n * float(wanted.abs().max()) ** 0.5 + 2e-5
        )


def test_float64_takes_those_of_pytorch():
    images, parameters = problem(7, 14, (3, 2))
    images, parameters = images.double(), [parameter.double() for parameter in parameters]
    ours, wanted = (with_gradients(function, images, parameters) for function in (convolutions, usual))
    torch.testing.assert_close(ours, wanted)


def test_the_gradient_of_equal_positions_goes_to_the_first():
    """Where everything is blank, a pixel is its bias: which weights it moves depends on who of the four has won."""
    images, parameters = problem(32, 12, (2, 3))
    images[:] = 0
    images[:, :, ::2, ::2] = 1  # the first of four positions only
    parameters[0][:] = 0
    parameters[1][:], parameters[3][:] = 0.5, 5.0
    moved, wanted = (
        with_gradients(function, images.to(dtype), [parameter.to(dtype) for parameter in parameters])[1]
        for function, dtype in ((convolutions, torch.float32), (usual, torch.float64))
    )
    assert wanted[0].abs().max() > 1
    torch.testing.assert_close(moved[0].double(), wanted[0], rtol=1e-4, atol=1e-3)


def test_what_is_no_number_stays_none():
    images, parameters = problem(40, 14, (3, 2))
    images[3, 0, 7, 7] = torch.nan
    outputs = convolutions(images, *parameters)
    assert outputs[3].isnan().any()
    assert not outputs[torch.arange(40) != 3].isnan().any()
