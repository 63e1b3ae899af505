"""Products of float32 matrices are those of float64 to rounding, whichever library makes them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dropscape.models.fnn import FullyConnected, fast_products
from dropscape.numerics import products
from dropscape.numerics.products import FastProducts, add_product, product

fast = pytest.mark.skipif(not products.onednn_is_faster(), reason="torch's own products are the fastest here")


@pytest.fixture(params=[True, pytest.param(False, id="torch's own")])
def either(request, monkeypatch):
    """Both ways, also where one of them is not taken; oneDNN multiplies correctly on any processor."""
    if request.param and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("torch was built without oneDNN")
    monkeypatch.setattr(products, "onednn_is_faster", lambda: request.param)
    monkeypatch.setattr(products, "_MIN_MULTIPLICATIONS", 1)


def matrices(m, k, n, dtype=torch.float32, turned=(False, False)):
    generator = torch.Generator().manual_seed(m * k + n)
    left, right = (
        torch.randn(*(shape[::-1] if turn else shape), generator=generator, dtype=dtype)
        for shape, turn in zip(((m, k), (k, n)), turned, strict=True)
    )
    return left.mT if turned[0] else left, right.mT if turned[1] else right


def assert_close(found, left, right, plus=0.0):
    exact = left.double() @ right.double() + plus
    bound = left.double().abs() @ right.double().abs() + abs(plus)
    assert found.dtype == left.dtype and found.shape == exact.shape
    assert ((found - exact).abs() <= len(right) * torch.finfo(found.dtype).eps * bound + 1e-300).all()


@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 1, 7), (50, 50, 2000), (17, 300, 33), (1, 64, 1), (0, 3, 2), (2, 0, 3)]
)
def test_any_shape_and_memory_order(either, shape, turned):
    left, right = matrices(*shape, turned=turned)
    assert_close(product(left, right), left, right)
    total = torch.ones(shape[0], shape[2])
    add_product(total, left, right)
    assert_close(total, left, right, plus=1.0)


def test_a_column_and_a_row_are_added(either):
    left, right = matrices(4, 60, 5)
    column, row = torch.randn(4, 1), torch.randn(5)
    for plus in (column, row):
        assert_close(product(left, right, plus), left, right, plus=plus.double())
    assert column.shape == (4, 1), "what is added stays as it was"


def test_parts_of_larger_matrices(either):
    left, right = matrices(80, 90, 70)
    left, right = left[3:60:2, 5:50], right[5:50, 1:40]
    assert_close(product(left, right), left, right)


def test_float64_keeps_its_digits(either):
    left, right = matrices(40, 40, 40, torch.float64)
    assert_close(product(left, right), left, right)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_the_same_bits_each_time(m, k, n):
    left, right = matrices(m, 64 * k, 64 * n)
    assert torch.equal(product(left, right), product(left, right))


def test_not_finite_stays_not_finite(either):
    left, right = matrices(8, 8, 8)
    left[2, 3], left[4, 4] = float("nan"), float("inf")
    found = product(left, right)
    assert found[2].isnan().all() and not found[4].isfinite().any() and found[0].isfinite().all()


def test_networks_have_the_same_gradients_and_products_with_the_hessian(either):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(30, 40), torch.nn.Tanh(), torch.nn.Linear(40, 5, bias=False))
    inputs = torch.randn(20, 30)

    def derivatives(model, inputs):
        parameters = list(model.parameters())
        gradients = torch.autograd.grad(model(inputs).square().mean(), parameters, create_graph=True)
        products_ = torch.autograd.grad(sum(g.square().sum() for g in gradients), parameters)
        return [*gradients, *products_]

    with FastProducts():
        found = derivatives(model, inputs)
    for fast_one, exact in zip(found, derivatives(model.double(), inputs.double()), strict=True):
        torch.testing.assert_close(fast_one.double(), exact, rtol=1e-4, atol=1e-6)


def test_where_gradients_are_wanted_there_are_gradients(either):
    left, right = matrices(6, 7, 8)
    product(left.requires_grad_(), right).sum().backward()
    torch.testing.assert_close(left.grad, right.sum(dim=1).expand(6, 7))


def test_trainings_and_slices_of_fully_connected_networks_take_them(monkeypatch):
    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    seen = []
    monkeypatch.setattr(products, "_through_onednn", lambda left, right, bias=None: seen.append(1) or left @ right)
    wide, narrow = FullyConnected([300, 200, 10]), FullyConnected([3, 4, 2])
    with fast_products(wide, 100):
        wide(torch.randn(100, 300)).sum().backward()
    assert len(seen) == 2, "of the first layer's passes, which have no gradient of the inputs"
    with (
        fast_products(narrow, 100),
        fast_products(torch.nn.Linear(300, 4000), 100),
        fast_products(wide.double(), 100),
    ):
        narrow(torch.randn(100, 3))
        torch.nn.functional.linear(torch.randn(100, 300), torch.randn(4000, 300))
    assert len(seen) == 2


@fast
def test_the_faster_library_is_taken_for_large_products_and_only_there(monkeypatch):
    seen = []
    through = products._through_onednn
    monkeypatch.setattr(products, "_through_onednn", lambda *given: seen.append(given[0].shape) or through(*given))
    product(torch.randn(50, 50), torch.randn(50, 2000))
    product(torch.randn(5, 5), torch.randn(5, 5))
    product(torch.randn(500, 500).double(), torch.randn(500, 500).double())
    with FastProducts():
        torch.nn.functional.linear(torch.randn(300, 200), torch.randn(100, 200), torch.randn(100))
    torch.nn.functional.linear(torch.randn(300, 201), torch.randn(100, 201))
    assert seen == [(50, 50), (300, 200)]
