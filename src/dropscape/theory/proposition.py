"""Proposition 1 of paper A (section 8): delta^2 H <= Sigma^drop <= (delta + epsilon)^2 H in the Loewner order.

With Theorem 1's H and Theorem 2's Sigma both parts hold term by term, since ``b_i = eps_i^2 >= delta^2``,
``a_i >= b_i`` and, in Omega, ``a_i <= (delta + epsilon)^2``; neither Assumption 1 nor the size of epsilon matters.
For the true quantities they need not hold: they bound the error of the network without dropout, while the true
second moment is ``(1/n) sum_i E_eta (f^drop - y)^2 u u'``, ``u = grad f^drop``, and within one layer the true Hessian
is ``(1/n) sum_i E_eta u u'``. What is exactly true there, for the uncentred second moment, is the proposition with
bounds on ``|f^drop(x_i) - y_i|`` over every example and every mask.
"""

import math

import torch
from torch import Tensor

from dropscape.errors import ConfigurationError

ROUNDING = 1e-10  # a smallest eigenvalue above minus this, relative to the matrices, is not told from zero


def constants(outputs: Tensor, targets: Tensor, expected_losses: Tensor) -> tuple[float, float]:
    """The largest ``delta`` and the smallest ``epsilon`` for which the hypotheses of Proposition 1 are met.

    ``delta`` is the largest number with all outputs in [delta, 1 - delta]; ``epsilon`` the smallest with the
    network in Omega: ``(delta + epsilon)^2 = 2 max_i E_eta l_i`` (the condition on the loss without dropout
    follows from it). Both are NaN where no positive delta exists: an output is not inside (0, 1). From outputs f(x_i)
    without dropout, targets and E_eta l(f^drop(x_i), y_i), (n,) each. A target that is neither 0 nor 1 is a
    ConfigurationError.
    """
    if not bool(((targets == 0) | (targets == 1)).all()):
        raise ConfigurationError(
            "targets hold values other than 0 and 1; Proposition 1 of paper A is about binary classification: "
            "write each class as 0 or 1."
        )
    delta = min(float(outputs.min()), 1.0 - float(outputs.max()))
    if delta <= 0.0:
        return math.nan, math.nan
    return delta, math.sqrt(2.0 * float(expected_losses.max())) - delta


def loewner_checks(
    hessian: Tensor, covariance: Tensor, delta: float, epsilon: float
) -> tuple[tuple[float, bool | None], tuple[float, bool | None]]:
    """``(margin, holds)`` of part (i) and of part (ii).

    The margin is the smallest eigenvalue of ``Sigma - delta^2 H``, or of ``(delta + epsilon)^2 H - Sigma``, relative
    to the norm ``|.|_2`` of the bound (``delta^2 H``, or ``(delta + epsilon)^2 H``): negative by how much of its bound
    the statement is violated. ``holds`` allows for rounding: the eigenvalue may be ``-ROUNDING`` times the norm of the
    larger of the two matrices, (P, P) float64. ``(nan, None)`` where the constants are NaN or H is zero.
    """
    if math.isnan(delta) or not bool(hessian.any()):
        return (math.nan, None), (math.nan, None)
    low, high = delta**2 * hessian, (delta + epsilon) ** 2 * hessian
    return _check(covariance - low, low, covariance), _check(high - covariance, high, covariance)


def _check(difference: Tensor, bound: Tensor, covariance: Tensor) -> tuple[float, bool]:
    smallest = float(torch.linalg.eigvalsh(difference)[0])
    norm = float(torch.linalg.matrix_norm(bound, 2))
    largest = max(norm, float(torch.linalg.matrix_norm(covariance, 2)))
    return smallest / norm, smallest >= -ROUNDING * largest
