"""Trace and norm from products: unbiased within their standard errors, exact where the products suffice."""

import math

import pytest
import torch

from dropscape.curvature.estimates import trace_and_norm


def hessian_like(size=80, seed=0):
    """A few large eigenvalues, many small ones of either sign."""
    generator = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64, generator=generator))
    values = 1e-2 * torch.randn(size, dtype=torch.float64, generator=generator)
    values[:5] = torch.tensor([10.0, 4.0, 2.0, -1.0, 1.0])
    return (basis * values) @ basis.T


def test_means_and_standard_errors_over_many_probes():
    matrix = hessian_like()
    found = [trace_and_norm(lambda v: v @ matrix, 80, products=30, seed=seed) for seed in range(400)]
    for name, exact in (("trace", float(matrix.trace())), ("norm", float(matrix.norm()))):
        values = torch.tensor([getattr(one, name) for one in found], dtype=torch.float64)
        errors = torch.tensor([getattr(one, f"{name}_error") for one in found], dtype=torch.float64)
        assert abs(float(values.mean()) - exact) < 4 * float(values.std()) / math.sqrt(len(values)) + 1e-4 * exact
        # the stated errors are of the size of the actual ones
        actual = float((values - exact).square().mean().sqrt())
        assert 0.7 < float(errors.square().mean().sqrt()) / actual < 1.4
    assert float(values.std()) < 0.01 * float(matrix.norm())


def test_exact_where_products_suffice_and_in_low_rank():
    matrix = hessian_like(20)
    found = trace_and_norm(lambda v: v @ matrix, 20, products=60)
    assert found.trace == pytest.approx(float(matrix.trace()), rel=1e-12) and found.trace_error == 0
    assert found.norm == pytest.approx(float(matrix.norm()), rel=1e-12) and found.norm_error == 0
    vector = torch.arange(1.0, 51.0, dtype=torch.float64)
    found = trace_and_norm(lambda v: (v @ vector)[:, None] * vector, 50, products=9)
    assert found.trace == pytest.approx(float(vector @ vector), rel=1e-12) and found.trace_error < 1e-9
    assert found.norm == pytest.approx(float(vector @ vector), rel=1e-12)
    assert trace_and_norm(torch.zeros_like, 50).norm == 0


def test_needs_some_products():
    with pytest.raises(ValueError, match="at least 6"):
        trace_and_norm(torch.zeros_like, 50, products=5)
