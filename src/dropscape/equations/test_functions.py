"""Test functions g of Definition 1 (paper C), with their expansion in the response to the noise.

A trial is descent + xi + zeta + O(eta^(3/2)), with gradient descent on L_S at the same step and the trial's responses
of size sqrt(eta) and eta (``dropscape.equations.responses``), so that

    g(theta) = g(descent) + Dg xi + { Dg zeta + (1/2) D^2g [xi, xi] } + ...

where Dg xi has expectation 0, and what is in braces has the same one along dropout and along its equations.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from dropscape.equations.activations import Activation
from dropscape.equations.modified_loss import hessian_product, modified_gradient
from dropscape.equations.network import Parameters, Sample, forward, losses_and_accuracies


@dataclass(frozen=True)
class TestFunction:
    """A function of the parameters."""

    __test__ = False  # it is no test of pytest's

    value: Callable[[Parameters], Tensor]  # g of T trials, (T, q) float64
    # Of xi and zeta of T trials: the parts of first and of second order, (T, q) float64 each.
    expansion: Callable[[Parameters, Parameters], tuple[Tensor, Tensor]]


def test_functions(
    start: Parameters, descent: Parameters, train: Sample, activation: Activation
) -> dict[str, TestFunction]:
    """The functions by name, as of one step of simulations from a start.

    ``mean`` is theta itself, whose difference of expectations the paper draws; ``second_moment`` is |theta - start|^2,
    ``spread`` |theta - descent|^2 (the trace of the covariance and the square of the mean's distance from descent),
    ``risk`` R_S, ``cosine`` cos <u, theta> with the unit vector u along the gradient of R_S at the start, ``bounded``
    exp(-|theta - start|^2 / 2).

    Args:
        start, descent: of one trial.
    """
    first, path = start.vectors().double(), descent.vectors().double()
    downhill = modified_gradient(forward(start, train, activation), 1.0).vectors().double()  # with p = 1 L_S is R_S
    return {
        "mean": TestFunction(lambda at: at.vectors().double(), lambda xi, zeta: (xi.vectors(), zeta.vectors())),
        "second_moment": _squared_distance(first, path),
        "spread": _squared_distance(path, path),
        "risk": _risk(descent, train, activation),
        "cosine": _cosine(downhill / downhill.norm(), path),
        "bounded": _bounded(first, path),
    }


test_functions.__test__ = False


def _squared_distance(centre: Tensor, path: Tensor) -> TestFunction:
    def expansion(xi: Parameters, zeta: Parameters) -> tuple[Tensor, Tensor]:
        slope = 2 * (path - centre)
        return _inner(slope, xi.vectors()), _inner(slope, zeta.vectors()) + _inner(xi.vectors(), xi.vectors())

    return TestFunction(lambda at: _inner(at.vectors() - centre, at.vectors() - centre), expansion)


def _risk(descent: Parameters, train: Sample, activation: Activation) -> TestFunction:
    passed = forward(descent, train, activation)
    slope = modified_gradient(passed, 1.0).vectors()

    def expansion(xi: Parameters, zeta: Parameters) -> tuple[Tensor, Tensor]:
        bent = hessian_product(passed, 1.0, xi).vectors()
        return _inner(slope, xi.vectors()), _inner(slope, zeta.vectors()) + _inner(xi.vectors(), bent) / 2

    return TestFunction(lambda at: losses_and_accuracies(at, train, activation)[0][:, None], expansion)


def _cosine(direction: Tensor, path: Tensor) -> TestFunction:
    angle = float(_inner(direction, path))

    def expansion(xi: Parameters, zeta: Parameters) -> tuple[Tensor, Tensor]:
        along, further = (_inner(direction, response.vectors()) for response in (xi, zeta))
        return -math.sin(angle) * along, -math.sin(angle) * further - math.cos(angle) / 2 * along.square()

    return TestFunction(lambda at: _inner(direction, at.vectors()).cos(), expansion)


def _bounded(centre: Tensor, path: Tensor) -> TestFunction:
    offset = path - centre
    value = float((-_inner(offset, offset) / 2).exp())

    def expansion(xi: Parameters, zeta: Parameters) -> tuple[Tensor, Tensor]:
        along, further = (_inner(offset, response.vectors()) for response in (xi, zeta))
        square = (along.square() - _inner(xi.vectors(), xi.vectors())) / 2
        return -value * along, value * (square - further)

    return TestFunction(lambda at: (-_inner(at.vectors() - centre, at.vectors() - centre) / 2).exp(), expansion)


def _inner(left: Tensor, right: Tensor) -> Tensor:
    """The inner products of rows (T, D) or (1, D), (T, 1) float64."""
    return (left.double() * right.double()).sum(dim=1, keepdim=True)
