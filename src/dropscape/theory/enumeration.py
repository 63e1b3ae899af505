"""The quantities of paper A's Theorems 1 and 2 by exhaustive enumeration of all 2^m masks, float64.

They are the reference of the closed forms: nothing is expanded, each mask's loss is differentiated automatically and
weighted with the mask's probability. Memory grows as 2^m n P, hence the limit on m.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import grad, jacfwd, jacrev, vmap

from dropscape.dropout.masks import check_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.models.block import block_vector, split_vector
from dropscape.models.fnn import FullyConnected
from dropscape.theory.closed_forms import double_parameters, require_single_output, unit_outputs

MAX_UNITS = 12


def all_masks(units: int, keep_prob: float) -> tuple[Tensor, Tensor]:
    """Every value of 1 + eta and its probability: shapes (2^units, units) and (2^units,).

    Entries are 0 or 1/keep_prob (paper A, section 3.3). More than ``MAX_UNITS`` units, or a ``keep_prob`` outside
    (0, 1], are a ConfigurationError.
    """
    check_keep_prob(keep_prob)
    if units > MAX_UNITS:
        raise ConfigurationError(
            f"the last hidden layer has {units} units; enumerating their 2^{units} masks is not affordable: "
            f"write a last hidden width of at most {MAX_UNITS}."
        )
    bits = torch.arange(2**units)[:, None] >> torch.arange(units) & 1
    kept = bits.sum(1).double()
    return bits.double() / keep_prob, keep_prob**kept * (1 - keep_prob) ** (units - kept)


def _dropout_losses(model: FullyConnected, block: Sequence[str]) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """``(block vector, masks (k, m), inputs (n, d), targets (n,)) -> losses (k, n)`` of the masked network."""
    require_single_output(model)
    fixed = double_parameters(model)

    def losses(vector: Tensor, masks: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        # The masked output is sum_j (1 + eta_j) W_j h_j + b: one product with the masks instead of a masked copy of
        # the hidden layer for each of them, which would be m times larger.
        per_unit, bias = unit_outputs(model, fixed | split_vector(model, block, vector), inputs)
        return (masks @ per_unit.T + bias - targets) ** 2 / 2

    return losses


def expected_losses(model: FullyConnected, inputs: Tensor, targets: Tensor, keep_prob: float) -> Tensor:
    """E_eta l(f^drop(x_i), y_i) over all masks, shape (n,)."""
    block = [name for name, _ in model.named_parameters()]
    masks, probabilities = all_masks(model.widths[-2], keep_prob)
    losses = _dropout_losses(model, block)
    values = losses(block_vector(model, block).double(), masks, inputs.double(), targets.double())
    return probabilities @ values


def hessian(model: FullyConnected, inputs: Tensor, targets: Tensor, keep_prob: float, block: Sequence[str]) -> Tensor:
    """E_eta grad^2 R_S^drop over all masks, shape (P, P).

    Arguments and errors as of ``closed_forms.expand`` and ``all_masks``.
    """
    masks, probabilities = all_masks(model.widths[-2], keep_prob)
    # At keep_prob 1 all masks but one have probability 0; leaving those out costs nothing in exactness.
    masks, probabilities = masks[probabilities > 0], probabilities[probabilities > 0]
    losses = _dropout_losses(model, block)
    inputs, targets = inputs.double(), targets.double()

    def risk(vector: Tensor) -> Tensor:
        return (probabilities @ losses(vector, masks, inputs, targets)).mean()

    return jacfwd(jacrev(risk))(block_vector(model, block).double())


def gradient_moments(
    model: FullyConnected, inputs: Tensor, targets: Tensor, keep_prob: float, block: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """``(grad E_eta R_S^drop, (1/n) sum_i E_eta grad l_i grad l_i')``, shapes (P,), (P, P), over all masks.

    Sigma^drop is the second minus the outer product of the first with itself. Arguments and errors as of ``hessian``.
    """
    masks, probabilities = all_masks(model.widths[-2], keep_prob)
    losses = _dropout_losses(model, block)

    def one_loss(vector: Tensor, mask: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return losses(vector, mask[None], x[None], y[None])[0, 0]

    per_example = vmap(grad(one_loss), in_dims=(None, None, 0, 0))
    gradients = vmap(per_example, in_dims=(None, 0, None, None))(
        block_vector(model, block).double(), masks, inputs.double(), targets.double()
    )
    n = gradients.shape[1]
    flat = gradients.reshape(-1, gradients.shape[-1])
    weights = (probabilities / n).repeat_interleave(n)
    return weights @ flat, flat.T @ (weights[:, None] * flat)
