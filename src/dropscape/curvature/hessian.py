"""The exact Hessian of the mean loss on a block, dense or as products, by whichever exact method is cheapest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dropscape.curvature.jacobian import JacobianProducts, jacobian_hessian
from dropscape.curvature.kronecker import PIECEWISE_LINEAR, KroneckerProducts, kronecker_hessian
from dropscape.curvature.preactivations import preactivation_hessian
from dropscape.curvature.products import HessianOperator, by_name, refuse_random_objective
from dropscape.errors import ConfigurationError
from dropscape.models.block import block_parameters, block_vector, dense_layer_of_block, layer_of_block
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import PerExampleLoss, output_loss
from dropscape.models.prefix_suffix import Inputs

# The largest matrix that is attempted; its eigenvectors need a few times as much.
DENSE_BYTES = 2**33
METHODS = ("auto", "kronecker", "jacobian", "preactivations", "products")


@dataclass(frozen=True)
class BlockHessian:
    """A block's Hessian (P, P), bitwise symmetric, in the order of ``block_vector``, and the method behind it."""

    matrix: Tensor
    method: str


def block_hessian(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss = "cross_entropy",
    dtype: torch.dtype = torch.float32,
    method: str = "auto",
) -> BlockHessian:
    """Compute the exact Hessian of the mean loss over all examples with respect to the block (paper A, section 5).

    All methods are exact whatever the batching. In the order in which they are chosen, each where the ones before it do
    not apply; the block of the first three is one layer's weight, with or without its bias:

    - "kronecker": a ReLU (or identity) FullyConnected with one of the two named losses; one matrix product.
    - "jacobian": a module with the attribute ``piecewise_linear`` set and a named loss, a dense or convolutional layer;
      one backward pass an output.
    - "preactivations": any module and loss, a dense layer; one product for each unit and position.
    - "products": anything; one product for each parameter.

    The caller's model keeps its mode, parameters and gradients.

    Args:
        model: maps inputs (n, ...) to outputs (n, C).
        block: parameter names.
        inputs: n examples, a tensor (n, ...) or a tuple of such tensors.
        targets: (n,) int64 for "cross_entropy", (n, C) float for "mse".
        loss: "cross_entropy", "mse" or a callable (outputs, targets) -> (n,).
        dtype: of the result; float64 for spectra whose small eigenvalues matter.
        method: one of ``METHODS``.

    Raises:
        RandomObjectiveError: the loss is random, for example because dropout is active.
        ConfigurationError: an unknown name, a matrix of more than ``DENSE_BYTES``, or a method that cannot treat this
            model, block and loss.
    """
    if method not in METHODS:
        raise ConfigurationError(f"curvature.method is '{method}'; write one of {', '.join(METHODS)}.")
    size = block_vector(model, block).numel()
    if size**2 * dtype.itemsize > DENSE_BYTES:
        raise ConfigurationError(
            f"the block {', '.join(block)} has {size} parameters, whose Hessian would take "
            f"{size**2 * dtype.itemsize / 2**30:.0f} GiB; write a smaller block, or take its extreme eigenvalues only."
        )
    refuse_random_objective(model, inputs, targets, loss)
    loss = by_name(loss)
    chosen = _cheapest_method(model, block, loss) if method == "auto" else method
    if chosen == "products":
        operator = HessianOperator(model, block, inputs, targets, loss, dtype)
        matrix = operator(torch.eye(size, dtype=dtype, device=targets.device))
        matrix.add_(matrix.T.clone()).div_(2)
    elif chosen == "jacobian":
        matrix = jacobian_hessian(model, block, inputs, loss, dtype)
    elif chosen == "preactivations":
        matrix = preactivation_hessian(model, block, inputs, targets, loss, dtype)
    else:
        layer = dense_layer_of_block(block)
        if layer is None:
            raise ConfigurationError(
                f"method 'kronecker' needs a block of one layer's weight, with or without its bias, not {list(block)}; "
                "write for example ['layers.1.weight'], or method 'products'."
            )
        matrix = kronecker_hessian(model, *layer, inputs, loss, dtype)
    return BlockHessian(matrix, chosen)


@dataclass(frozen=True)
class BlockProducts:
    """A map from vectors (K, P) to H v for each, (K, P), on the block's device, and the method behind it."""

    multiply: Callable[[Tensor], Tensor]
    method: str


def block_products(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss = "cross_entropy",
    dtype: torch.dtype = torch.float32,
) -> BlockProducts:
    """Prepare exact products with the Hessian of ``block_hessian``, whose arguments and errors these are.

    "kronecker" and "jacobian" where ``block_hessian`` chooses them, else double backward.
    """
    refuse_random_objective(model, inputs, targets, loss)
    loss = by_name(loss)
    method = _cheapest_method(model, block, loss)
    if method == "kronecker":
        return BlockProducts(KroneckerProducts(model, *dense_layer_of_block(block), inputs, loss, dtype), method)
    if method == "jacobian":
        return BlockProducts(JacobianProducts(model, block, inputs, loss, dtype), method)
    return BlockProducts(HessianOperator(model, block, inputs, targets, loss, dtype), "products")


def _cheapest_method(model: nn.Module, block: Sequence[str], loss: str | PerExampleLoss) -> str:
    """Choose the cheapest exact method of ``METHODS`` for a dense Hessian; see ``block_hessian``."""
    block_parameters(model, block)
    output_loss(loss)  # refuses an unknown name
    named = isinstance(loss, str)
    if type(model) is FullyConnected and model.activation in PIECEWISE_LINEAR and named and dense_layer_of_block(block):
        return "kronecker"
    layer = layer_of_block(model, block)
    if layer is None:
        return "products"
    if named and getattr(model, "piecewise_linear", False):
        return "jacobian"
    return "preactivations" if type(model.get_submodule(layer)) is nn.Linear else "products"
