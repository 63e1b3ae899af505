"""What a matrix's certificate notices: a wrong sum, wrong terms, and a wrong derivative of the first order."""

import pytest
import torch
from torch import nn

from dropscape.curvature import hessian, jacobian, kronecker, preactivations
from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.products import HessianOperator
from dropscape.errors import CertificateError
from dropscape.models.fnn import FullyConnected
from dropscape.numerics.finite_differences import derivative_along

SUMMED = "distance to the sum over the examples"
X = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(60) % 3


def network(activation="relu"):
    torch.manual_seed(1)
    return FullyConnected((6, 5, 5, 3), activation)


def chain():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


CASES = {
    "kronecker": (network, "layers.1.weight"),
    "jacobian": (chain, "0.weight"),
    "preactivations": (lambda: network("tanh"), "layers.1.weight"),
    "products": (lambda: network("tanh"), ["layers.1.weight", "layers.2.weight"]),
}


def swapped(function):
    """The same matrix with its first two rows and columns exchanged: symmetric, with the same eigenvalues."""

    def changed(*given, **named):
        matrix = function(*given, **named)
        order = [1, 0, *range(2, len(matrix))]
        return matrix[order][:, order]

    return changed


def without_the_last_example(function):
    def changed(rows, total):
        function(rows[:-3], total)

    return changed


def heavier(rows, out):
    return _pack_outer(rows * 1.01, out)


_pack_outer = kronecker._pack_outer


@pytest.mark.parametrize("method", CASES)
def test_a_matrix_is_the_sum_of_its_terms(method):
    make, block = CASES[method]
    found = block_hessian(make(), block, (X, Y))
    values = {check.name: check.value for check in found.certificate.checks}
    assert found.method == method and found.certificate.verdict == "passed" and values[SUMMED] < 1e-5


@pytest.mark.parametrize("method", CASES)
def test_entries_in_a_wrong_place_are_refused(method, monkeypatch):
    make, block = CASES[method]
    monkeypatch.setattr(hessian, "_matrix", swapped(hessian._matrix))
    with pytest.raises(CertificateError, match=f"{SUMMED} .*compute it again"):
        block_hessian(make(), block, (X, Y))


@pytest.mark.parametrize(
    ("module", "name", "change"),
    [
        (kronecker, "_pack_outer", lambda _: heavier),
        (kronecker, "_unpack", swapped),
        (jacobian, "_add_outer", without_the_last_example),
        (preactivations, "_row_of_each_example", lambda row: lambda *given: row(*given) * (1 + 0.01 * given[-1])),
    ],
)
def test_a_defect_in_the_sum_of_a_method_is_refused(module, name, change, monkeypatch):
    make, block = CASES[module.__name__.rpartition(".")[2]]
    monkeypatch.setattr(module, name, change(getattr(module, name)))
    with pytest.raises(CertificateError, match=f"{SUMMED}|asymmetry"):
        block_hessian(make(), block, (X, Y))


def test_terms_that_are_no_second_derivatives_are_refused(monkeypatch):
    """A wrong linearisation is wrong in the matrix and in the terms beside it alike: finite differences tell."""
    linearised = kronecker.linearised_network

    def halved(*given):
        network = linearised(*given)
        network.curvature.mul_(0.5)
        return network

    monkeypatch.setattr(kronecker, "linearised_network", halved)
    with pytest.raises(CertificateError, match="distance to finite differences"):
        block_hessian(network(), "layers.1.weight", (X, Y))


def test_products_that_batching_makes_wrong_are_refused(monkeypatch):
    differentiate = HessianOperator._differentiate

    def doubled(operator, gradient, vectors):
        return differentiate(operator, gradient, vectors) * (2 if len(vectors) > 2 else 1)

    monkeypatch.setattr(HessianOperator, "_differentiate", doubled)
    make, block = CASES["products"]
    with pytest.raises(CertificateError, match=SUMMED):
        block_hessian(make(), block, (X, Y))


def test_a_difference_that_gives_what_is_expected_is_the_last():
    """Two evaluations where it agrees; where it does not, smaller steps until they settle on what is right."""
    calls = []

    def cube(theta):
        calls.append(theta)
        return theta**3

    origin, vector = torch.tensor([1.0, 2.0]).double(), torch.tensor([1.0, 1.0]).double()
    right = 3 * origin**2
    found, error = derivative_along(cube, origin, vector, expected=right)
    assert len(calls) == 2 and float((found - right).norm()) <= error
    found, error = derivative_along(cube, origin, vector, expected=2 * right)
    assert len(calls) > 4 and float((found - right).norm()) <= error < 1e-4
