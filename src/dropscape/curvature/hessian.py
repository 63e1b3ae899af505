"""The exact dense Hessian of the mean loss on a block, by whichever exact method is cheapest."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dropscape.curvature.kronecker import PIECEWISE_LINEAR, kronecker_hessian
from dropscape.curvature.products import dense_hessian_by_products, refuse_random_objective
from dropscape.errors import ConfigurationError
from dropscape.models.block import block_parameters, dense_layer_of_block
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import PerExampleLoss, output_loss

METHODS = ("auto", "kronecker", "products")


@dataclass(frozen=True)
class BlockHessian:
    """A block's Hessian and how it was computed.

    Attributes:
        matrix: (P, P), bitwise symmetric, in the order of ``block_vector``.
        method: "kronecker" or "products".
    """

    matrix: Tensor
    method: str


def block_hessian(
    model: nn.Module,
    block: Sequence[str],
    inputs: Tensor,
    targets: Tensor,
    loss: str | PerExampleLoss = "cross_entropy",
    dtype: torch.dtype = torch.float32,
    method: str = "auto",
) -> BlockHessian:
    """The exact Hessian of the mean loss over all examples with respect to the block (paper A, section 5 and App. A).

    The Kronecker sum where the model is a ReLU (or identity) FullyConnected, the block one layer's weight with or
    without its bias and the loss one of the two named ones; batched Hessian-vector products otherwise. Both are exact
    whatever the batching. The caller's model keeps its mode, parameters and gradients.

    Args:
        model: maps inputs (n, ...) to outputs (n, C).
        block: parameter names.
        inputs: (n, ...).
        targets: (n,) int64 for "cross_entropy", (n, C) float for "mse".
        loss: "cross_entropy", "mse" or a callable (outputs, targets) -> (n,).
        dtype: of the result; float64 for spectra whose small eigenvalues matter.
        method: "auto", "kronecker" or "products".

    Raises:
        RandomObjectiveError: the loss is random, for example because dropout is active.
        ConfigurationError: an unknown name, or a method that cannot treat this model, block and loss.
    """
    if method not in METHODS:
        raise ConfigurationError(f"curvature.method is '{method}'; write one of {', '.join(METHODS)}.")
    refuse_random_objective(model, inputs, targets, loss)
    chosen = choose_method(model, block, loss) if method == "auto" else method
    if chosen == "products":
        return BlockHessian(dense_hessian_by_products(model, block, inputs, targets, loss, dtype), chosen)
    layer, with_bias = kronecker_layer(block)
    return BlockHessian(kronecker_hessian(model, layer, with_bias, inputs, loss, dtype), chosen)


def choose_method(model: nn.Module, block: Sequence[str], loss: str | PerExampleLoss) -> str:
    """The cheaper exact method: "kronecker" where the Kronecker sum is the Hessian, else "products".

    Raises:
        ConfigurationError: the block names a parameter that the model does not have, or the loss is unknown.
    """
    block_parameters(model, block)
    if isinstance(loss, str):
        output_loss(loss)
    piecewise_linear = type(model) is FullyConnected and model.activation in PIECEWISE_LINEAR
    return "kronecker" if piecewise_linear and isinstance(loss, str) and dense_layer_of_block(block) else "products"


def kronecker_layer(block: Sequence[str]) -> tuple[int, bool]:
    """``dense_layer_of_block``, or an error that says what else to write."""
    found = dense_layer_of_block(block)
    if found is None:
        raise ConfigurationError(
            f"the Kronecker sum needs a block of one layer's weight, with or without its bias, not {list(block)}; "
            "write for example ['layers.1.weight'], or method 'products'."
        )
    return found
