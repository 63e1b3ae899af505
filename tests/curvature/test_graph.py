"""What autograd's graph says of an operation, against its second derivative at many points."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dropscape.curvature.graph import is_piecewise_linear, leaves

C = torch.rand(4, 1, 1, generator=torch.Generator().manual_seed(0)).double() + 0.5


def frozen(module):
    torch.manual_seed(1)
    return module.double().eval().requires_grad_(False)


PIECEWISE_LINEAR = {
    "convolution": frozen(nn.Conv2d(4, 3, 3)),
    "transposed": frozen(nn.ConvTranspose2d(4, 3, 2)),
    "dense": frozen(nn.Linear(6, 3)),
    "batch norm": frozen(nn.BatchNorm2d(4)),
    "poolings": lambda x: F.adaptive_max_pool2d(F.avg_pool2d(F.max_pool2d(x, 2, stride=1), 2, stride=1), 2),
    "kinks": lambda x: F.hardtanh(F.leaky_relu(x)) + F.relu6(x).abs() + x.clamp(-1, 1) + F.softshrink(x),
    "maxout": lambda x: x.unflatten(1, (2, 2)).max(dim=1).values - x.amin(dim=1, keepdim=True),
    "residual": lambda x: torch.cat([x + F.relu(x) * C, x.roll(1, 2)], dim=1).mean(dim=(2, 3)) / 3,
    "attention with fixed weights": lambda x: torch.eye(6).double() @ x + x.transpose(-1, -2),
    "padded": lambda x: F.interpolate(F.pad(x, (1, 1, 1, 1), mode="reflect"), scale_factor=2),
}
CURVED = {
    "square": lambda x: x * x,
    "gates": lambda x: F.relu(x) * F.relu(x - 3),
    "quotient": lambda x: C / (x.abs() + 1),
    "hardswish": F.hardswish,
    "gelu": F.gelu,
    "softmax": lambda x: x.softmax(dim=1),
    "layer norm": lambda x: F.layer_norm(x, (6,)),
    "instance norm": F.instance_norm,
    "group norm": lambda x: F.group_norm(x, 2),
    "product": lambda x: x @ x.transpose(-1, -2),
    "in place": lambda x: (y := x.clone(), y[:, 0].exp_())[0],
}


def second_derivative(function, x):
    y = function(x)
    (slope,) = torch.autograd.grad((y * torch.linspace(1, 2, y.numel()).view_as(y)).sum(), x, create_graph=True)
    if not slope.requires_grad:
        return 0.0
    along = torch.linspace(-1, 2, x.numel()).double().view_as(x)
    (change,) = torch.autograd.grad(slope, x, along, materialize_grads=True)
    return float(change.abs().max())


@pytest.mark.parametrize("name", [*PIECEWISE_LINEAR, *CURVED])
def test_what_is_piecewise_linear(name):
    known = name in PIECEWISE_LINEAR
    function = PIECEWISE_LINEAR[name] if known else CURVED[name]
    x = (3 * torch.randn(5, 4, 6, 6, generator=torch.Generator().manual_seed(2))).double().requires_grad_()
    assert is_piecewise_linear(function(x)) == known
    assert (second_derivative(function, x) < 1e-9) == known


def test_the_leaves_are_what_the_outputs_were_computed_from():
    x, w, other = (torch.randn(3, requires_grad=True) for _ in range(3))
    found = leaves((x * w).sum() + w.sum() + other.detach().sum())
    assert {id(leaf) for leaf in found} == {id(x), id(w)}
