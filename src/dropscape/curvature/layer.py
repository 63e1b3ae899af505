"""Runs a module whose block is one layer's weights, with that layer cut open.

A dense or convolutional layer reads its weights only through its pre-activation, z = W h at each of L positions (one of
a dense layer on vectors, the tokens of a sentence, the pixels of a convolution's output with h the patch under the
kernel). So derivatives with respect to the weights are derivatives with respect to z, example by example, and sums over
positions.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import pad, unfold

from dropscape.curvature.graph import is_piecewise_linear, leaves
from dropscape.errors import ConfigurationError
from dropscape.models.block import layer_of_block
from dropscape.models.prefix_suffix import Inputs, cast, count, in_fast_order, split_network, spread, take
from dropscape.numerics.seeds import torch_generator

# Relative; the rounding of a deep network in float64 stays far below, a module of another kind far above.
CHECK_TOLERANCE = 1e-6
EXAMPLES_OF_CHECK = 4


@dataclass(frozen=True)
class OpenLayer:
    """A forward pass of m examples, cut at the block's layer."""

    features: Tensor  # (m, F, L), the columns h; a last row of ones if the layer's bias is in the block
    # z as the layer wrote it, a leaf that the outputs are computed from: (m, L..., units) of a dense layer,
    # (m, units, height, width) of a convolution.
    pre_activation: Tensor
    outputs: Tensor  # (m, ...), with their graph back to the pre-activation
    units_first: bool  # whether it is a convolution
    with_bias: bool  # whether the bias is in the block

    def to_pre_activation(self, signal: Tensor) -> Tensor:
        """Take a signal at each output back through the network to the pre-activation, (m, ...)."""
        return torch.autograd.grad(self.outputs, self.pre_activation, signal, retain_graph=True)[0]

    def to_block(self, signal: Tensor) -> Tensor:
        """Turn a signal at each example's pre-activation, (m, ...), into gradients of the block, (m, P)."""
        if self.units_first:
            columns = signal.flatten(2)
        else:
            columns = (signal.flatten(1, -2) if signal.ndim > 2 else signal[:, None]).mT
        return block_order(columns @ self.features.mT, self.with_bias)

    def change(self, direction: Tensor) -> Tensor:
        """Compute how the pre-activation changes, (m, ...), along a direction (P,) of the block."""
        units = self.pre_activation.shape[1 if self.units_first else -1]
        columns = rows_from_block(direction, units, self.with_bias) @ self.features
        columns = (columns if self.units_first else columns.mT).reshape(self.pre_activation.shape)
        if not self.units_first:
            return columns.contiguous()
        return torch.empty_like(self.pre_activation).copy_(columns)  # in the memory order that the network runs in


def block_order(rows: Tensor, with_bias: bool) -> Tensor:
    """Reorder (..., units, F) to (..., P) as ``block_vector`` does: the weight row by row, then the bias."""
    if not with_bias:
        return rows.flatten(-2)
    return torch.cat([rows[..., :-1].flatten(-2), rows[..., -1]], dim=-1)


def rows_from_block(vector: Tensor, units: int, with_bias: bool) -> Tensor:
    """Invert ``block_order``: (P,) to (units, F)."""
    if not with_bias:
        return vector.view(units, -1)
    return torch.cat([vector[:-units].view(units, -1), vector[-units:, None]], dim=1)


class OpenNetwork:
    """A private copy of a module that runs with the block's layer cut open.

    Args:
        model: a module that maps n examples to outputs (n, ...), each example by itself.
        block: the weight of one ``nn.Linear`` or plain ``nn.Conv2d``, with or without its bias.
        inputs: n examples.
        dtype: of all arithmetic.

    Raises:
        ConfigurationError: the block is not one such layer. That the outputs read it as a caller needs is not looked
            at here: see ``refuse_other_readings``.
    """

    def __init__(self, model: nn.Module, block: Sequence[str], inputs: Inputs, dtype: torch.dtype):
        self._name, self._block, self._dtype = _demanded_layer(model, block), list(block), dtype
        self._split = split_network(model, block, inputs, dtype)
        self.size = sum(value.numel() for value in self._split.block.values())
        read, self._suffix = self._split.prepared(cast(inputs, dtype))
        self._inputs = in_fast_order(read)

    def run(self, chunk: slice) -> OpenLayer:
        """Run the forward pass of some of the examples."""
        chosen, with_bias = take(self._inputs, chunk), len(self._block) == 2
        return open_layer(self._split.network, self._name, with_bias, chosen, self._suffix)

    @torch.no_grad()
    def outputs(self, chunk: slice, pre_activation: Tensor) -> Tensor:
        """Compute what the network writes where its layer wrote ``pre_activation``; the layer itself does not run."""
        layer = self._split.network.get_submodule(self._name)
        layer.forward = lambda *_, **__: pre_activation
        try:
            return self._suffix(take(self._inputs, chunk))
        finally:
            del layer.forward


def open_layer(
    network: nn.Module, name: str, with_bias: bool, inputs: Inputs, run: Callable[[Inputs], Tensor]
) -> OpenLayer:
    """Run the network with the layer of that name cut open.

    Raises:
        SeveralRuns: the layer does not run exactly once.
    """
    layer = network.get_submodule(name)
    calls: list[tuple[Tensor, Tensor]] = []

    def cut(_: nn.Module, read: tuple[Tensor, ...], named: dict[str, Tensor], written: Tensor) -> Tensor:
        leaf = written.detach().requires_grad_()
        calls.append((next(iter((*read, *named.values()))).detach(), leaf))
        return leaf.clone()  # which what follows may overwrite

    handle = layer.register_forward_hook(cut, with_kwargs=True)
    try:
        # Fused attention has no second derivative; the plain formula has.
        with sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
            outputs = run(inputs)
    finally:
        handle.remove()
    if len(calls) != 1:
        raise SeveralRuns
    read, leaf = calls[0]
    if isinstance(layer, nn.Conv2d):
        features = unfold(read, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    else:
        features = read.flatten(1, -2).transpose(1, 2) if read.ndim > 2 else read[..., None]
    if with_bias:
        features = pad(features, (0, 0, 0, 1), value=1.0)
    return OpenLayer(features, leaf, outputs, isinstance(layer, nn.Conv2d), with_bias)


class SeveralRuns(Exception):
    """A layer runs several times in a forward pass, or never."""


class Reading(Enum):
    """How a network's outputs depend on one layer's weights."""

    PIECEWISE_LINEAR = "piecewise linear"
    CURVED = "curved"  # through the pre-activation of one run of the layer
    ELSEWHERE = "elsewhere"  # not, or not only, through the pre-activation of one run, example by example


def how_it_reads(model: nn.Module, block: Sequence[str], inputs: Inputs) -> Reading:
    """Find out from the graph of some examples' outputs and, in float64, the gradient of a random sum of them.

    The gradient is the one pulled back through the layer's pre-activation if nothing else reads the weights, and the
    graph says whether the network is piecewise linear behind the layer. Together this makes the structured Hessian the
    Hessian, whatever the loss. ``layer_of_block`` must find the block's layer.
    """
    few = take(inputs, spread(count(inputs), EXAMPLES_OF_CHECK))
    cut = split_network(model, block, few, torch.float64)
    examples = cast(few, torch.float64)

    def run(x: Inputs) -> Tensor:
        return cut.suffix(cut.prefix(x))

    try:
        opened = open_layer(cut.network, layer_of_block(model, block), len(block) == 2, examples, run)
    except SeveralRuns:
        return Reading.ELSEWHERE
    generator = torch_generator(0, "curvature", "check of a layer")
    weights = torch.randn(opened.outputs.shape, dtype=torch.float64, generator=generator).to(opened.outputs.device)
    parameters = list(cut.block.values())
    with sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
        total = (weights * run(examples)).sum()
        gradients = torch.autograd.grad(total, parameters, materialize_grads=True)
    gradient = torch.cat([one.reshape(-1) for one in gradients])
    size = float(gradient.norm())
    if [id(leaf) for leaf in leaves(opened.outputs)] != [id(opened.pre_activation)] or not _are_apart(opened, weights):
        return Reading.ELSEWHERE
    if not math.isfinite(size) or size == 0:
        return Reading.CURVED  # of which nothing is assumed
    pulled_back = opened.to_block(opened.to_pre_activation(weights)).sum(dim=0)
    if float((pulled_back - gradient).norm()) > CHECK_TOLERANCE * size:
        return Reading.ELSEWHERE
    return Reading.PIECEWISE_LINEAR if is_piecewise_linear(opened.outputs) else Reading.CURVED


def refuse_other_readings(model: nn.Module, block: Sequence[str], inputs: Inputs, piecewise_linear: bool) -> None:
    """Refuse a network whose Hessian is not the one that ``OpenNetwork`` leads to.

    Raises:
        ConfigurationError: the block is not one dense or convolutional layer, the layer does not run exactly once in a
            forward pass or its weights are read elsewhere, or the outputs are not piecewise linear in it although they
            have to be.
    """
    layer, reading = _demanded_layer(model, block), how_it_reads(model, block, inputs)
    if reading is Reading.ELSEWHERE:
        raise ConfigurationError(
            f"the weights of '{layer}' are read elsewhere in {type(model).__name__} too, in more than one run of "
            "the layer, or where the first dimension does not count the examples, which this method would miss; "
            "write method 'products' for the block."
        )
    if piecewise_linear and reading is Reading.CURVED:
        raise ConfigurationError(
            f"the outputs of {type(model).__name__} are curved in the block {', '.join(block)}, where this method "
            "needs piecewise linear ones; write method 'preactivations' or 'products'."
        )


def _demanded_layer(model: nn.Module, block: Sequence[str]) -> str:
    layer = layer_of_block(model, block)
    if layer is None:
        raise ConfigurationError(
            "this method needs a block of one dense or convolutional layer's weight, with or without its bias, "
            f"not {list(block)}; write such a block, or method 'products'."
        )
    return layer


def _are_apart(opened: OpenLayer, weights: Tensor) -> bool:
    """Tell whether the pre-activations stand in rows, one for each example, and an output reads its own alone."""
    if len(opened.pre_activation) != len(weights):
        return False
    last = torch.zeros_like(weights)
    last[-1] = weights[-1]
    return not bool(opened.to_pre_activation(last)[:-1].any())
