"""Hessian of L_S, covariance of dropout's gradient, and what eq. (17) says of both, as matrices (paper C, 5.1 and 5.2).

One trial, in float64; theta is ordered as in ``Parameters.vectors``, D = m (k + d). The gradient of example i under a
mask is ``sum_o e_io grad f_io``, so that with k outputs eq. (17) has k x k matrices instead of its two numbers,

    l_{i,1} = E e_i^delta (e_i^delta)^T = e_i e_i^T + s sum_r h_ri^2 a_r a_r^T,    l_{i,2} = e_i e_i^T,

which for one output are those of the paper.
"""

import itertools
from typing import NamedTuple

import torch
from torch import Tensor

from dropscape.dropout.masks import mask_variance
from dropscape.equations.modified_loss import hessian_product
from dropscape.equations.network import ForwardPass, Parameters
from dropscape.equations.noise import noise_coefficients


def modified_hessian(passed: ForwardPass, keep_prob: float) -> Tensor:
    """The Hessian of L_S, (D, D): a product with every unit vector."""
    _, units, outputs = passed.parameters.a.shape
    size = units * (outputs + passed.parameters.w.shape[2])
    directions = torch.eye(size, dtype=passed.states.dtype).view(size, units, -1)
    products = hessian_product(passed, keep_prob, Parameters(directions[..., :outputs], directions[..., outputs:]))
    return (products.vectors() + products.vectors().mT) / 2


def share_derivatives(passed: ForwardPass) -> Tensor:
    """The derivative of each unit's share g_ri of the outputs by the unit's own parameters q_r, (n, m, k, k + d)."""
    a, hidden, slopes = passed.parameters.a[0], passed.hidden[0].T, passed.slopes[0].T
    by_weight = hidden[..., None, None] * torch.eye(a.shape[1], dtype=a.dtype)
    by_input = (slopes[..., None] * a)[..., None] * passed.sample.inputs[:, None, None]
    return torch.cat([by_weight, by_input], dim=-1)


def example_gradients(passed: ForwardPass, alpha: Tensor, beta: Tensor) -> Tensor:
    """Every example's own part of ``gradient``, (n, T, D), whose mean over the examples ``gradient`` is.

    Args:
        alpha: (T, m).
        beta: (T, m, m).
    """
    shares = passed.hidden[0].T[..., None] * passed.parameters.a[0]
    errors = alpha[..., None] * passed.residuals[0].T[:, None, None] + beta @ shares[:, None]
    return torch.einsum("itro,iroq->itrq", errors, share_derivatives(passed)).flatten(2)


def noise_parts(passed: ForwardPass, keep_prob: float) -> Tensor:
    """What each of dropout's uncorrelated variables, m units and their pairs, does to every example's gradient.

    (n, m (m + 1)/2, D). The sum of the outer products over the variables is the covariance of a gradient under masks:
    of one example's, or, of the means over the examples, Sigma.
    """
    units = passed.parameters.a.shape[1]
    rows, columns = torch.triu_indices(units, units, 1)
    drawn, pairs = (torch.zeros(units + len(rows), *shape, dtype=torch.float64) for shape in ([units], [units, units]))
    drawn[:units] = torch.eye(units)
    pair = units + torch.arange(len(rows))
    pairs[pair, rows, columns] = pairs[pair, columns, rows] = 1
    return example_gradients(passed, *noise_coefficients(drawn, pairs, keep_prob))


def noise_trace(passed: ForwardPass, keep_prob: float) -> float:
    """Tr Sigma."""
    return float(noise_parts(passed, keep_prob).mean(dim=0).square().sum())


def example_covariance(passed: ForwardPass, keep_prob: float, parts: Tensor) -> Tensor:
    """The covariance (D, D) of one example's gradient, the example and its mask drawn at random, from its parts."""
    s, units = mask_variance(keep_prob), parts.new_ones(1, passed.parameters.a.shape[1])
    means = example_gradients(passed, units, s * torch.diag_embed(units))
    drawn = torch.cat([parts, means - means.mean(dim=0)], dim=1).flatten(0, 1)
    return drawn.mT @ drawn / len(parts)


class RightHandSides(NamedTuple):
    """The right-hand sides of eq. (17), (D, D) each."""

    hessian: Tensor
    covariance: Tensor
    shuffled: Tensor  # the second with the l of another example for each


def eq_17(passed: ForwardPass, keep_prob: float, shuffled: Tensor) -> RightHandSides:
    """The right-hand sides of eq. (17); ``shuffled`` (n,) is an order of the examples."""
    s, derivatives, residuals = mask_variance(keep_prob), share_derivatives(passed), passed.residuals[0].T
    examples, units, outputs, own = derivatives.shape
    whole = derivatives.transpose(1, 2).flatten(2)
    by_unit = derivatives.transpose(0, 1)
    shares = passed.hidden[0].T[..., None] * passed.parameters.a[0]
    squares = residuals[..., None] * residuals[:, None]
    expected = squares + s * shares.mT @ shares

    def weighted(first: Tensor, second: Tensor) -> Tensor:
        matrix = whole.flatten(0, 1).mT @ (first @ whole).flatten(0, 1)
        blocks = matrix.view(units, own, units, own).diagonal(dim1=0, dim2=2)
        blocks += s * (by_unit.flatten(1, 2).mT @ (second @ by_unit).flatten(1, 2)).permute(1, 2, 0)
        return matrix / examples

    ones = torch.eye(outputs, dtype=residuals.dtype)
    return RightHandSides(
        weighted(ones, ones), weighted(expected, squares), weighted(expected[shuffled], squares[shuffled])
    )


def expected_dropout_loss(passed: ForwardPass, keep_prob: float) -> float:
    """E R_S^drop (eq. 5) as the mean over all 2^m masks."""
    a, hidden = passed.parameters.a[0], passed.hidden[0]
    kept = torch.tensor(list(itertools.product((0.0, 1.0), repeat=len(a))), dtype=a.dtype)
    outputs = (kept[..., None] / keep_prob * a).mT @ hidden
    losses = (outputs - passed.sample.targets.T).square().sum(dim=(1, 2)) / (2 * hidden.shape[1])
    return float((keep_prob * kept + (1 - keep_prob) * (1 - kept)).prod(dim=1) @ losses)
