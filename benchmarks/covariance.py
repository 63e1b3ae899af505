"""The covariance Sigma(theta) of a dropout step's gradient, dense and in closed form (paper C, section 5.1).

What the library does without: its noise has this covariance, which benchmarks and tests compare it with.

From ``dropscape.equations.noise``: with mask entries 1 + eta_r, and B_r the gradient of L_S with respect to
q_r = (a_r, w_r), the gradient with respect to q_r is

    (1 + eta_r) (B_r + sum_{j != r} eta_j M_rj),

because ``delta_r^2 = delta_r / p`` makes a part of B_r of the term j = r. Its fluctuation is a sum of uncorrelated
variables times fixed vectors: eta_j, variance s, times V_j, which is B_j in unit j's place and M_rj in the place of
every other unit r; and eta_r eta_j, variance s^2, times the vector with M_rj in r's place and M_jr in j's. Hence

    Sigma_rr = s B_r B_r^T + s (1 + s) sum_{j != r} M_rj M_rj^T,
    Sigma_rl = s [M_rl B_l^T + B_r M_lr^T + sum_{j != r, l} M_rj M_lj^T] + s^2 M_rl M_lr^T     for l != r.

For outputs in R^k, M_rj has k + d entries (``dropscape.equations.network``) and nothing else changes.
"""

import torch
from torch import Tensor

from dropscape.dropout.masks import mask_variance
from dropscape.equations.modified_loss import modified_gradient
from dropscape.equations.network import ForwardPass, Parameters


def unit_effects(passed: ForwardPass) -> Tensor:
    """M_rj for all pairs of units, (T, m, m, k + d): [:, r, j] is a vector in the space of q_r."""
    a, n = passed.parameters.a, passed.preactivations.shape[-1]
    hidden = passed.hidden
    outputs = (hidden @ hidden.mT / n)[..., None] * a[:, None]
    inputs = torch.einsum("trn,tjn,nd->trjd", passed.slopes, hidden, passed.sample.inputs) / n
    return torch.cat([outputs, (a @ a.mT)[..., None] * inputs], dim=-1)


def covariance(passed: ForwardPass, keep_prob: float) -> Tensor:
    """Sigma(theta), (T, D, D) with D = m (k + d), in the order of ``Parameters.vectors``.

    For small D: memory grows as D^2, that of ``unit_effects`` as m D.
    """
    s = mask_variance(keep_prob)
    effects = unit_effects(passed)
    trials, units, _, size = effects.shape
    effects.diagonal(dim1=1, dim2=2).zero_()
    directions = effects.transpose(2, 3).clone()  # (T, r, entry of q_r, j)
    mean = modified_gradient(passed, keep_prob).vectors().view(trials, units, size)
    directions.diagonal(dim1=1, dim2=3).copy_(mean.mT)
    directions = directions.flatten(1, 2)
    result = s * directions @ directions.mT
    blocks = result.view(trials, units, size, units, size)
    blocks += s**2 * torch.einsum("trlu,tlrv->trulv", effects, effects)
    squares = s**2 * torch.einsum("trju,trjv->truv", effects, effects)
    blocks.diagonal(dim1=1, dim2=3).add_(squares.movedim(1, -1))
    return result


def from_vectors(theta: Tensor, units: int, outputs: int) -> Parameters:
    """The parameters of (T, m (k + d)) ``Parameters.vectors``."""
    rows = theta.unflatten(1, (units, -1))
    return Parameters(rows[..., :outputs].contiguous(), rows[..., outputs:].contiguous())
