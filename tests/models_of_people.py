"""Models and data as people have them, and the Hessian that they should get."""

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from dropscape.curvature.hessian import block_hessian, hessian_products

X, Y = torch.randn(12, 6, generator=torch.Generator().manual_seed(0)).double(), torch.arange(12) % 3


def seeded(make):
    torch.manual_seed(1)
    return make().double()


def mlp():
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def by_autograd(model, names, loss):
    """The Hessian (P, P) of ``loss()`` by double backward, row by row."""
    parameters = [dict(model.named_parameters())[name] for name in names]
    with sdpa_kernel(SDPBackend.MATH):  # fused attention has no second derivative
        gradients = torch.autograd.grad(loss(), parameters, create_graph=True)
    gradient = torch.cat([one.reshape(-1) for one in gradients])
    rows = (torch.autograd.grad(one, parameters, retain_graph=True, materialize_grads=True) for one in gradient)
    return torch.stack([torch.cat([part.reshape(-1) for part in row]) for row in rows])


def assert_exact(model, block, data, loss, expected_loss, names=None, **options):
    """Dense, as products and along a direction, all of the same Hessian."""
    expected = by_autograd(model, names or [block], expected_loss)
    options["dtype"] = torch.float64
    found = block_hessian(model, block, data, loss, **options)
    torch.testing.assert_close(found.matrix, expected, rtol=1e-8, atol=1e-12)
    assert found.certificate.verdict == "passed"
    products = hessian_products(model, block, data, loss, **options)
    vectors = torch.randn(2, len(expected), generator=torch.Generator().manual_seed(3)).double()
    torch.testing.assert_close(products(vectors), vectors @ expected, rtol=1e-8, atol=1e-12)
    return found


class Does(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)
