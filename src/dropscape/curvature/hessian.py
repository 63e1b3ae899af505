"""The exact Hessian of the mean loss on a block, dense or as products, by whichever exact method is cheapest."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from dropscape.curvature.certificate import certify_matrix, certify_products, examples_to_check, vectors_to_check
from dropscape.curvature.eigenpairs import Spectrum, dense_spectrum
from dropscape.curvature.jacobian import JacobianProducts, jacobian_hessian
from dropscape.curvature.kronecker import KroneckerProducts, kronecker_hessian
from dropscape.curvature.layer import Reading, how_it_reads, refuse_other_readings
from dropscape.curvature.linearised import PIECEWISE_LINEAR, linearised_network
from dropscape.curvature.preactivations import preactivation_hessian
from dropscape.curvature.probe import Probe
from dropscape.curvature.products import HessianOperator, by_name, refuse_random_objective
from dropscape.errors import ConfigurationError
from dropscape.models.block import block_vector, dense_layer_of_block, in_words, layer_of_block
from dropscape.models.block_loss import Block, BlockLoss, Forward, block_loss
from dropscape.models.fnn import is_plain
from dropscape.models.losses import PerExampleLoss
from dropscape.models.prefix_suffix import count, spread, take
from dropscape.numerics.autograd_modes import as_measured
from dropscape.numerics.certificates import Certificate

# The largest matrix that is attempted; its eigenvectors need a few times as much.
DENSE_BYTES = 2**33
METHODS = ("auto", "kronecker", "jacobian", "preactivations", "products")


@dataclass(frozen=True, eq=False)
class BlockHessian:
    """A block's Hessian, the method behind it, and what it was checked against."""

    matrix: Tensor  # (P, P), bitwise symmetric, in the order of ``block_vector``, on the block's device
    method: str  # one of METHODS
    block: tuple[str, ...]  # the parameters' names
    certificate: Certificate

    def __repr__(self) -> str:
        return _described("BlockHessian", len(self.matrix), self.block, self.method, self.certificate)

    def __call__(self, vectors: Tensor) -> Tensor:
        """Compute H v for each row v of ``vectors`` (K, P)."""
        return _rows_given(vectors, len(self.matrix)).to(self.matrix) @ self.matrix

    def spectrum(self) -> Spectrum:
        """Compute all eigenpairs, in float64; errors are those of ``eigenpairs``."""
        return dense_spectrum(self.matrix, self.method, self.block, self.certificate)

    def to_pandas(self) -> pd.DataFrame:
        """The matrix as a table, (P, P), its rows and columns numbered as in ``block_vector``."""
        return pd.DataFrame(self.matrix.cpu().numpy())

    def plot(self, axes: Any = None) -> Any:
        """Draw the entries' sizes as a map, log10 |H|; returns the axes."""
        from matplotlib import pyplot

        axes = axes or pyplot.figure().gca()
        image = axes.imshow(self.matrix.abs().clamp_min(torch.finfo(self.matrix.dtype).tiny).log10().cpu().numpy())
        axes.figure.colorbar(image, ax=axes, label="log10 |H|")
        axes.set(xlabel="parameter", ylabel="parameter", title=f"Hessian on {in_words(self.block)}")
        return axes


@dataclass(frozen=True, eq=False)
class HessianProducts:
    """A map from vectors (K, P) to H v for each, (K, P), on the block's device, without the matrix."""

    multiply: Callable[[Tensor], Tensor]
    size: int  # P
    method: str  # "kronecker", "jacobian" or "products"
    block: tuple[str, ...]
    certificate: Certificate

    def __repr__(self) -> str:
        return _described("HessianProducts", self.size, self.block, self.method, self.certificate)

    @as_measured()
    def __call__(self, vectors: Tensor) -> Tensor:
        """Compute H v for each row v of ``vectors`` (K, P)."""
        return self.multiply(_rows_given(vectors, self.size))


@as_measured()
def block_hessian(
    model: nn.Module,
    block: Block,
    data: Any,
    loss: str | nn.Module | PerExampleLoss = "cross_entropy",
    *,
    forward: Forward | None = None,
    dtype: torch.dtype = torch.float32,
    method: str = "auto",
) -> BlockHessian:
    """Compute the exact Hessian of the mean loss over all examples with respect to the block (paper A, section 5).

    All methods are exact whatever the batching. In the order in which they are chosen, each where the ones before it do
    not apply; the block of the first three is one layer's weight, with or without its bias:

    - "kronecker": a ReLU (or identity) FullyConnected with one of the two named losses; one matrix product.
    - "jacobian": outputs that are found to be piecewise linear in a dense or convolutional layer, and a named loss; one
      backward pass an output.
    - "preactivations": any module and loss, a dense layer; one product for each unit and position.
    - "products": anything; one product for each parameter.

    The caller's model keeps its mode, parameters and gradients. What is given, and how, says ``block_loss``.

    Args:
        model: maps inputs (n, ...) to outputs (n, ...).
        block: a parameter's name, names, or a submodule.
        data: (inputs, targets), a dictionary, a Dataset or a DataLoader.
        loss: "cross_entropy", "mse", a loss of ``torch.nn`` or a callable (outputs, targets) -> (n,).
        forward: (model, inputs) -> outputs, where the model does not give them by itself.
        dtype: of the result; float64 for spectra whose small eigenvalues matter.
        method: one of ``METHODS``.

    Raises:
        RandomObjectiveError: the loss is random, for example because dropout is active.
        ConfigurationError: an argument that does not fit, a matrix of more than ``DENSE_BYTES``, or a method that
            cannot treat this model, block and loss.
        CertificateError: the second derivatives of the model are wrong.
    """
    if method not in METHODS:
        raise ConfigurationError(f"method is '{method}'; write one of {', '.join(METHODS)}.")
    _check_dtype(dtype)
    given = block_loss(model, block, data, loss, forward)
    size = block_vector(given.model, given.block).numel()
    if size**2 * dtype.itemsize > DENSE_BYTES:
        raise ConfigurationError(
            f"the block {in_words(given.block)} has {size} parameters, whose Hessian would take "
            f"{size**2 * dtype.itemsize / 2**30:.0f} GiB; write a smaller block, or call spectrum(..., top=10) for its "
            "extreme eigenvalues."
        )
    refuse_random_objective(given.model, given.inputs, given.targets, given.loss)
    chosen = _cheapest_method(given) if method == "auto" else method
    if chosen == method in ("jacobian", "preactivations"):
        refuse_other_readings(given.model, given.block, given.inputs, piecewise_linear=method == "jacobian")
    n, vectors = count(given.inputs), vectors_to_check(size, given.targets.device)
    few = spread(n, examples_to_check(n, _forward_passes(given, chosen)))
    probe = Probe(vectors[1].to(dtype), n, few)
    matrix = _matrix(given, chosen, dtype, probe)
    certificate = certify_matrix(*given.given, matrix, vectors, probe)
    if chosen in ("preactivations", "products"):
        matrix.add_(matrix.T.clone()).div_(2)
    return BlockHessian(matrix, chosen, given.block, certificate)


@as_measured()
def hessian_products(
    model: nn.Module,
    block: Block,
    data: Any,
    loss: str | nn.Module | PerExampleLoss = "cross_entropy",
    *,
    forward: Forward | None = None,
    dtype: torch.dtype = torch.float32,
) -> HessianProducts:
    """Prepare exact products with the Hessian of ``block_hessian``, whose arguments and errors these are.

    "kronecker" and "jacobian" where ``block_hessian`` chooses them, else double backward.
    """
    _check_dtype(dtype)
    given = block_loss(model, block, data, loss, forward)
    refuse_random_objective(given.model, given.inputs, given.targets, given.loss)
    method = _cheapest_method(given)
    method = method if method in ("kronecker", "jacobian") else "products"

    n = count(given.inputs)
    multiply = _products(given, method, dtype, slice(0, n))
    few = spread(n, examples_to_check(n, passes=1)).to(given.targets.device)
    of_few = multiply if len(few) == n else _products(given, method, dtype, few)
    model, block, inputs, targets, loss = given.given
    certificate = certify_products(model, block, take(inputs, few), targets[few], loss, of_few)
    return HessianProducts(multiply, block_vector(model, block).numel(), method, block, certificate)


def _check_dtype(dtype: torch.dtype) -> None:
    if dtype not in (torch.float32, torch.float64):
        raise ConfigurationError(f"dtype is {dtype!r}; write torch.float32 or torch.float64.")


def _rows_given(vectors: Tensor, size: int) -> Tensor:
    """Take vectors (K, P) of a tensor or an array, detached; anything else is a ConfigurationError."""
    vectors = torch.as_tensor(vectors).detach()
    if vectors.ndim != 2 or vectors.shape[1] != size:
        raise ConfigurationError(
            f"vectors have the shape {tuple(vectors.shape)}; give rows of shape (K, {size}), of one vector v[None]."
        )
    return vectors


def _matrix(given: BlockLoss, method: str, dtype: torch.dtype, probe: Probe) -> Tensor:
    """Compute the Hessian, (P, P), before any symmetrisation that a method needs, and fill the probe."""
    model, block, inputs, targets, loss = given.given
    loss = by_name(loss)
    if method == "products":
        return _matrix_of_products(given, dtype, probe)
    if method == "jacobian":
        return jacobian_hessian(model, block, inputs, loss, dtype, probe)
    if method == "preactivations":
        return preactivation_hessian(model, block, inputs, targets, loss, dtype, probe)
    layer = dense_layer_of_block(block)
    if layer is None:
        raise ConfigurationError(
            f"method 'kronecker' needs a block of one layer's weight, with or without its bias, not "
            f"{list(block)}; write for example ['layers.1.weight'], or method 'products'."
        )
    return kronecker_hessian(model, *layer, inputs, loss, dtype, probe=probe)


def _matrix_of_products(given: BlockLoss, dtype: torch.dtype, probe: Probe) -> Tensor:
    """Multiply each unit vector."""
    n, vector = count(given.inputs), probe.vector[None]
    operator = _products(given, "products", dtype, slice(0, n))

    def terms(chosen: slice | Tensor) -> Tensor:
        if isinstance(chosen, slice):
            return n * operator(vector)[0]
        return len(chosen) * _products(given, "products", dtype, chosen)(vector)[0]

    probe.add(0, n, terms)
    return operator(torch.eye(len(probe.vector), dtype=dtype, device=given.targets.device))


def _products(given: BlockLoss, method: str, dtype: torch.dtype, chosen: slice | Tensor) -> Callable[[Tensor], Tensor]:
    """Prepare products with the Hessian of some of the examples."""
    inputs, targets, loss = take(given.inputs, chosen), given.targets[chosen], by_name(given.loss)
    if method == "kronecker":
        layer, with_bias = dense_layer_of_block(given.block)
        return KroneckerProducts(linearised_network(given.model, layer, with_bias, inputs, loss, dtype), with_bias)
    if method == "jacobian":
        return JacobianProducts(given.model, given.block, inputs, loss, dtype)
    return HessianOperator(given.model, given.block, inputs, targets, loss, dtype)


def _cheapest_method(given: BlockLoss) -> str:
    """Choose the cheapest exact method of ``METHODS`` for a dense Hessian; see ``block_hessian``."""
    model, block, inputs, _, loss = given.given
    named = isinstance(by_name(loss), str)
    if is_plain(model) and model.activation in PIECEWISE_LINEAR and named and dense_layer_of_block(block):
        return "kronecker"
    layer = layer_of_block(model, block)
    reading = Reading.ELSEWHERE if layer is None else how_it_reads(model, block, inputs)
    if reading is Reading.ELSEWHERE:
        return "products"
    few_outputs = len(given.output_shape) == 1 and given.output_shape[0] < block_vector(model, block).numel()
    if reading is Reading.PIECEWISE_LINEAR and named and few_outputs:
        return "jacobian"
    return "preactivations" if type(model.get_submodule(layer)) is nn.Linear else "products"


def _forward_passes(given: BlockLoss, method: str) -> float:
    """About how many forward passes over an example the dense Hessian costs."""
    parameters = {name: value.numel() for name, value in given.model.named_parameters()}
    size = sum(parameters[name] for name in given.block)
    if method == "jacobian":
        return 2 * math.prod(given.output_shape)
    if method == "preactivations":
        return 3 * len(given.model.get_parameter(given.block[0]))
    if method == "products":
        return 3 * size
    # A quarter of its products at some four times the speed of a pass, whose matrices are small.
    return size**2 / (8 * sum(parameters.values()))


def _described(kind: str, size: int, block: tuple[str, ...], method: str, certificate: Certificate) -> str:
    return f"{kind}({size} parameters of {in_words(block)}; method '{method}'; {certificate})"
