"""A piecewise linear network, run once: what the Hessian of one of its layers needs to know about each example.

Whether a unit near its kink is on changes the Hessian by its full size, so float32 rounding must not decide it:
examples with a unit near its kink are evaluated in float64, and so is the last layer of all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dropscape.errors import ConfigurationError
from dropscape.models.fnn import FullyConnected
from dropscape.numerics.devices import Budget
from dropscape.numerics.products import product

PIECEWISE_LINEAR = ("relu", "identity")

# A pass of the network alone keeps less, and gains from fewer calls.
EXAMPLES_OF_A_PASS = Budget(2**12, 2**12)

# Relative to a layer's mean |z|: a hundred times what float32 rounding can move z by.
NEAR_KINK = 1e-4


@dataclass(frozen=True)
class LinearisedNetwork:
    """What the Hessian of one layer needs to know about each example; examples are columns.

    Units that are off on every example and inputs that are zero on every example are left out: their rows and columns
    of the Hessian are zero. Default initialisation leaves some of the former, the borders of images many of the latter.
    """

    inputs: Tensor  # (inputs, n), the activations h_i that the layer reads; a last row of ones with the bias
    slopes: list[Tensor]  # (m_j, n) for j = layer, ..., L - 1: 1 where the unit is on, else 0
    weights: list[Tensor]  # (m_{j+1}, m_j), the weights of the layers after the block's
    curvature: Tensor  # (outputs, n), the diagonal part of S_i: the probabilities p_i, or ones for squared error
    predicted: Tensor | None  # (outputs, n), 1 at the most probable class, else 0; None for squared error
    units_on: Tensor  # (m_layer,) bool, which of the layer's units are kept
    inputs_on: Tensor  # (m_{layer-1} or one more with the bias,) bool, which of its inputs are


def linearised_network(
    model: FullyConnected,
    layer: int,
    with_bias: bool,
    inputs: Tensor,
    loss: str,
    dtype: torch.dtype,
    masks: Mapping[int, Tensor] | None = None,
) -> LinearisedNetwork:
    """Run the network once and keep the result in ``dtype``; arguments and errors as for ``kronecker_hessian``."""
    if type(model) is not FullyConnected or model.activation not in PIECEWISE_LINEAR:
        raise ConfigurationError(
            "method 'kronecker' supports only fully-connected networks with the activation "
            f"{' or '.join(PIECEWISE_LINEAR)}; write method 'products' for this model."
        )
    if loss not in ("cross_entropy", "mse"):
        raise ConfigurationError(
            f"method 'kronecker' supports the losses 'cross_entropy' and 'mse', not {loss!r}; write method 'products'."
        )
    n, depth, masks = inputs.shape[0], model.depth, masks or {}

    def empty(rows: int) -> Tensor:
        return torch.empty(rows, n, dtype=dtype, device=inputs.device)

    block_inputs = empty(model.widths[layer - 1] + with_bias)
    if with_bias:
        block_inputs[-1] = 1
    slopes = [empty(width) for width in model.widths[layer:depth]]
    curvature = empty(model.widths[depth])
    predicted = empty(model.widths[depth]) if loss == "cross_entropy" else None

    def evaluate(examples: slice | Tensor, dtype: torch.dtype) -> list[Tensor]:
        kept = {number: mask[:, examples] for number, mask in masks.items()}
        read, *hidden, outputs = _pre_activations(model, layer, inputs[examples], dtype, kept)
        block_inputs[: model.widths[layer - 1], examples] = read.to(block_inputs.dtype)
        for number, (slope, z) in enumerate(zip(slopes, hidden, strict=True), layer):
            if model.activation != "relu":
                slope[:, examples] = 1
            elif isinstance(examples, slice):
                torch.gt(z, 0, out=slope[:, examples])
            else:
                slope[:, examples] = (z > 0).to(slope.dtype)
            if number in kept:
                slope[:, examples] *= kept[number].to(slope.dtype)
        if predicted is None:
            curvature[:, examples] = 1
        else:
            classes = torch.arange(len(outputs), device=inputs.device)[:, None]
            predicted[:, examples] = (classes == outputs.max(dim=0).indices).to(predicted.dtype)
            curvature[:, examples] = outputs.softmax(dim=0).to(curvature.dtype)
        return hidden

    near = []
    at_once = EXAMPLES_OF_A_PASS.on(inputs.device)
    for start in range(0, n, at_once):
        hidden = evaluate(slice(start, start + at_once), dtype)
        if hidden and model.activation == "relu" and dtype != torch.float64:
            near.append(_near_a_kink(hidden))
    if near:
        evaluate(torch.cat(near).nonzero()[:, 0], torch.float64)
    weights = [unit.weight.detach().to(dtype) for unit in list(model.layers)[layer:]]
    inputs_on = _have_numbers(block_inputs)
    if slopes:
        units_on = _have_numbers(slopes[0])
        slopes[0], weights[0] = slopes[0][units_on], weights[0][:, units_on]
    else:
        units_on = torch.ones(model.widths[depth], dtype=torch.bool, device=inputs.device)
    return LinearisedNetwork(block_inputs[inputs_on], slopes, weights, curvature, predicted, units_on, inputs_on)


def _have_numbers(rows: Tensor) -> Tensor:
    """Say which rows have a number that is not zero; five times as fast as ``any``."""
    return rows.abs().amax(dim=1) != 0


def _pre_activations(
    model: FullyConnected, layer: int, inputs: Tensor, dtype: torch.dtype, masks: Mapping[int, Tensor]
) -> list[Tensor]:
    """Compute [f^[layer-1], z^[layer], ..., z^[L]], examples as columns; z^[L] in float64, the others in ``dtype``.

    A probability's relative error is the absolute error of its logit, which in float32 grows with the logits.
    """
    x = inputs.to(dtype).T
    found = []
    for number, unit in enumerate(model.layers, 1):
        weight, bias = unit.weight.detach(), unit.bias.detach()[:, None]
        if number == layer:
            found.append(x)
        if number == model.depth:
            dtype = torch.float64
        z = product(weight.to(dtype), x.to(dtype), plus=bias.to(dtype))
        if number >= layer:
            found.append(z)
        x = model.activate(z)
        if number in masks:
            x = x * masks[number].to(x.dtype)
    return found


def _near_a_kink(hidden: list[Tensor]) -> Tensor:
    """Find the examples, (n,) bool, with a unit within NEAR_KINK in z of the layers (m_j, n) from the block's on."""
    sizes = [z.abs() for z in hidden]
    return torch.stack([size.amin(dim=0) < NEAR_KINK * size.mean() for size in sizes]).any(dim=0)
