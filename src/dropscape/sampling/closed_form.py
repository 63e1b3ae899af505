"""Random gradients of a block at frozen parameters: paper A sections 3.3 and 3.4.2.

The loss is R_S^drop, the mean over the examples of the loss of the network whose hidden activation carries a
dropout mask; each sample is its gradient with respect to the block under a fresh mask. The parameters do not
move, so everything below the mask is computed once; the rest is written out as matrix products.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dropscape.dropout.masks import LayerMasks, check_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.models.block import block_parameters, dense_layer_of_block
from dropscape.models.fnn import IN_PLACE, FullyConnected
from dropscape.models.losses import output_loss
from dropscape.numerics.products import add_product, product

# Examples go through in chunks whose arrays stay in a core's caches (1 MiB of second level and a share of the
# third: 2 MiB was the fastest of 0.5 to 16); a GPU takes many at once.
_WORKING_BYTES, _WORKING_BYTES_OF_A_GPU = 2 << 20, 1 << 30
_CHUNK_MULTIPLE = 16  # rows of whole 64-byte lines in float32

# g * sigma'(z) from a = sigma(z), written over g.
_BACKWARD: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "relu": lambda g, a: torch.ops.aten.threshold_backward.grad_input(g, a, 0, grad_input=g),
    "tanh": lambda g, a: torch.ops.aten.tanh_backward.grad_input(g, a, grad_input=g),
    "identity": lambda g, _a: g,
}


@dataclass(frozen=True)
class _MaskedChunk:
    """What stays fixed for c of the examples: activations f^[j] (m_j, c) by layer j, and targets (m_L, c)."""

    columns: slice
    activations: dict[int, Tensor]
    targets: Tensor


class DropoutGradient:
    """Computes the gradient of the dropout loss of one dense layer of a fully-connected network, given the mask.

    With the mask m after layer k, x^[k] = m * f^[k] / keep_prob (the 1/keep_prob is folded into W^[k+1]); the
    activations above follow from it, the errors delta^[j] come back down to the block's layer l, and the
    gradient is (1/n) delta^[l] (f^[l-1])^T, with x^[k] instead of f^[l-1] if l = k + 1.

    Exact for each mask up to rounding in the model's dtype, which is the dtype of all of it. A ConfigurationError names
    another model, block, layer or loss than these.

    Args:
        model: its parameters are read once, here.
        block: the weight of one layer, with or without its bias.
        inputs: (n, d).
        targets: (n,) int64 for ``cross_entropy``, (n, m_L) for ``mse``.
        keep_prob: the probability that a unit is kept; the kept ones are scaled by its inverse.
        dropout_after: the layer k whose activation is masked, from 1 to L - 1.
        loss: ``cross_entropy`` (mean over the examples) or ``mse`` ((1/2n) sum of squared errors).
    """

    @torch.no_grad()
    def __init__(
        self,
        model: nn.Module,
        block: Sequence[str],
        inputs: Tensor,
        targets: Tensor,
        *,
        keep_prob: float,
        dropout_after: int,
        loss: str = "cross_entropy",
        device: str | torch.device = "cpu",
    ):
        check_keep_prob(keep_prob)
        self._layer, self._with_bias = _supported(model, block, dropout_after, loss)
        self.mask_shape = (model.widths[dropout_after], len(inputs))  # (m_k, n), of a per-example mask
        # P, the number of parameters of the block.
        self.size = model.widths[self._layer] * (model.widths[self._layer - 1] + self._with_bias)
        self._masked = dropout_after
        self._depth = model.depth
        self._loss = loss
        self._activation = model.activation
        self._examples = len(inputs)
        device = torch.device(device)
        dtype = model.layers[0].weight.dtype
        self._weights = {j: layer.weight.to(device, copy=True) for j, layer in enumerate(model.layers, 1)}
        self._biases = {j: layer.bias.to(device, copy=True)[:, None] for j, layer in enumerate(model.layers, 1)}
        fixed = range(min(self._layer - 1, self._masked), self._masked + 1)
        # The arrays that one chunk's computation passes over have so many numbers for each example.
        moving = sum(model.widths[self._masked :]) + sum(model.widths[self._layer : self._depth])
        bytes_per_example = (moving + sum(model.widths[j] for j in fixed)) * dtype.itemsize
        if loss == "cross_entropy":
            targets = F.one_hot(targets.to(device), model.widths[-1])
        targets = targets.to(device, dtype)
        self._chunks = []
        for columns in _columns(self._examples, bytes_per_example, device):
            below = [inputs[columns].to(device, dtype).T]
            for j in range(1, self._masked + 1):
                below.append(self._forward_layer(j, below[-1]))
            activations = {j: below[j].contiguous() for j in fixed}
            self._chunks.append(_MaskedChunk(columns, activations, targets[columns].T.contiguous()))
        # Scaling the weights that read the kept activations scales these, once instead of at every entry.
        self._weights[self._masked + 1] /= keep_prob
        # A block right above the mask reads the unscaled x^[k]; its weight gradient is scaled at the end.
        input_scale = 1 / keep_prob if self._layer == self._masked + 1 else 1.0
        self._scale = input_scale / self._examples
        sizes = {chunk.targets.shape[1] for chunk in self._chunks}
        self._masked_buffers = {
            size: torch.empty(model.widths[self._masked], size, device=device, dtype=dtype) for size in sizes
        }

    @torch.no_grad()
    def __call__(self, mask: Tensor, out: Tensor | None = None) -> Tensor:
        """Compute the gradient (P,) under ``mask``: bool (m_k, n), or (m_k, 1) for one that all examples share."""
        weight = self._weights[self._layer]
        if out is None:
            out = weight.new_empty(self.size)
        out.zero_()
        weight_gradient = out[: weight.numel()].view(weight.shape)
        bias_gradient = out[weight.numel() :]
        for chunk in self._chunks:
            delta, below = self._delta(chunk, mask if mask.shape[1] == 1 else mask[:, chunk.columns])
            add_product(weight_gradient, delta, below.T)
            if self._with_bias:
                bias_gradient += delta.sum(dim=1)
        weight_gradient *= self._scale
        bias_gradient /= self._examples
        return out

    def _delta(self, chunk: _MaskedChunk, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Compute delta^[l] (m_l, c), without the 1/n, and what its layer reads, f^[l-1] or x^[l-1]."""
        k, backward = self._masked, _BACKWARD[self._activation]
        bits = mask.view(torch.uint8)  # torch converts bytes some seven times faster than bools
        above = {k: self._masked_buffers[chunk.targets.shape[1]].copy_(bits).mul_(chunk.activations[k])}
        for j in range(k + 1, self._depth + 1):
            above[j] = self._forward_layer(j, above[j - 1])
        delta = above[self._depth]
        if self._loss == "cross_entropy":
            torch.softmax(delta, 0, out=delta)
        delta -= chunk.targets
        for j in range(self._depth - 1, self._layer - 1, -1):
            delta = product(self._weights[j + 1].T, delta)
            if j == k and self._activation != "relu":
                delta *= bits
            # A masked ReLU activation is 0 where the unit is dropped or inactive: both factors at once.
            masked = j > k or (j == k and self._activation == "relu")
            backward(delta, above[j] if masked else chunk.activations[j])
        below = self._layer - 1
        return delta, above[below] if below >= k else chunk.activations[below]

    def _forward_layer(self, j: int, below: Tensor) -> Tensor:
        """Compute f^[j] from f^[j-1]; the outputs for j = L."""
        z = product(self._weights[j], below, plus=self._biases[j])
        return z if j == self._depth else IN_PLACE[self._activation](z)


def closed_form_gradients(
    model: nn.Module,
    block: Sequence[str],
    inputs: Tensor,
    targets: Tensor,
    *,
    keep_prob: float,
    samples: int,
    seed: int,
    mask_mode: str = "per_example",
    purpose: str = "gradients",
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Tensor:
    """Compute gradients of the block under ``samples`` fresh masks at frozen parameters (paper A section 3.4.2).

    They are (N, P) in ``block_vector``'s order, on ``device``, in the model's dtype (float32 as trained).

    Sample i is ``DropoutGradient`` under mask i of ``LayerMasks(keep_prob, (m_k, n), seed, "sampling",
    purpose)``, so more samples continue fewer, and two with different purposes are independent. Arguments and errors
    are those of ``DropoutGradient`` and ``LayerMasks``; ``progress`` is called with (done, samples) some fifty times.
    """
    gradient = DropoutGradient(model, block, inputs, targets, keep_prob=keep_prob, device=device, **options)
    masks = LayerMasks(keep_prob, gradient.mask_shape, seed, "sampling", purpose, mask_mode, device)
    mask = torch.empty(masks.shape, dtype=torch.bool, device=device)
    result = torch.empty(samples, gradient.size, dtype=model.layers[0].weight.dtype, device=device)
    every = max(1, samples // 50)
    for done, row in enumerate(result, 1):
        gradient(masks.mask(done - 1, out=mask), out=row)
        if progress is not None and (done % every == 0 or done == samples):
            progress(done, samples)
    return result


def _columns(examples: int, bytes_per_example: int, device: torch.device) -> list[slice]:
    """Cut the examples into nearly equal ranges whose working arrays fit; the last may be shorter."""
    budget = _WORKING_BYTES if device.type == "cpu" else _WORKING_BYTES_OF_A_GPU
    chunks = -(-examples // max(256, budget // bytes_per_example))
    size = -(-examples // (chunks * _CHUNK_MULTIPLE)) * _CHUNK_MULTIPLE
    return [slice(start, min(start + size, examples)) for start in range(0, examples, size)]


def check_dropout_after(model: FullyConnected, dropout_after: int) -> None:
    """Raise a ConfigurationError if the network has no hidden layer of that number, counted from 1."""
    if not 1 <= dropout_after < model.depth:
        raise ConfigurationError(
            f"dropout_after is {dropout_after}; write the number of a hidden layer, 1 to {model.depth - 1}."
        )


def _supported(model: nn.Module, block: Sequence[str], dropout_after: int, loss: str) -> tuple[int, bool]:
    """Return (layer, with_bias) of the block, or raise an error that says what is supported."""
    if not isinstance(model, FullyConnected):
        raise ConfigurationError(
            f"the gradient in closed form is that of a FullyConnected network, not of a {type(model).__name__}; use "
            "dropout_gradients, which measures any network."
        )
    block_parameters(model, block)
    dense = dense_layer_of_block(block)
    if dense is None:
        raise ConfigurationError(
            f"block is {list(block)}; the gradient in closed form is that of the weight of one layer with or without "
            "its bias: write for example [layers.1.weight] or [layers.1.weight, layers.1.bias]."
        )
    check_dropout_after(model, dropout_after)
    output_loss(loss)
    return dense
