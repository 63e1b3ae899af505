"""Computes the loss along straight lines through a block, L(theta + d v), as cheaply as the model allows.

A profile holds a model, a block and a data set; ``point_along`` chooses the line and ``losses`` answers for distances
d on it. Every loss is the mean over all examples, computed in the model's dtype, float32 at least, and summed in
float64.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn

from dropscape.curvature.layer import rows_from_block
from dropscape.curvature.products import by_name
from dropscape.models.block import block_parameters, dense_layer_of_block, split_vector
from dropscape.models.fnn import IN_PLACE, FullyConnected, fast_products, is_plain
from dropscape.models.losses import PerExampleLoss, output_loss
from dropscape.models.prefix_suffix import Inputs, are_images, cast, count, in_fast_order, split_network, take
from dropscape.numerics.devices import Budget
from dropscape.numerics.products import product

# Pre-activations, their change and the activation of one chunk of examples stay in a core's L2 cache.
CACHE_BYTES = Budget(2**20, 1 / 32)
FORWARD_BATCH = Budget(1_000, 2**15)
FORWARD_BATCH_OF_OTHERS = Budget(128, 2**11)


def loss_profile(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss = "cross_entropy",
) -> "AffineProfile | ForwardProfile":
    """Choose the fastest profile: affine for one dense layer of a FullyConnected and a named loss."""
    layer, loss = dense_layer_of_block(block), by_name(loss)
    full = _dtype(model) is next(model.parameters()).dtype
    if is_plain(model) and layer is not None and isinstance(loss, str) and full:
        return AffineProfile(model, *layer, inputs, targets, loss)
    return ForwardProfile(model, block, inputs, targets, loss)


def _dtype(model: nn.Module) -> torch.dtype:
    """The finest dtype of a model's parameters, float32 at least: half precision would round a short step away."""
    given = [value.dtype for value in model.parameters() if value.is_floating_point()]
    return reduce(torch.promote_types, given, torch.float32)


class ForwardProfile:
    """Any model, any block: one forward pass a loss, from the block on where the model can be cut there.

    A private copy of the model moves along the line.
    """

    def __init__(
        self,
        model: nn.Module,
        block: Sequence[str],
        inputs: Inputs,
        targets: Tensor,
        loss: str | PerExampleLoss = "cross_entropy",
    ):
        origin = block_parameters(model, block)
        self.dtype = _dtype(model)
        cut = split_network(model, block, inputs, self.dtype)
        self._batch = (
            FORWARD_BATCH.on(targets.device)
            if type(model) is FullyConnected
            else FORWARD_BATCH_OF_OTHERS.on(targets.device)
        )
        if are_images(inputs):
            cut.network.to(memory_format=torch.channels_last)
        self._inputs, self._suffix = cut.prepared(in_fast_order(cast(inputs, self.dtype)), self._batch)
        self._model, self._names = model, tuple(block)
        self._block, self._origin = cut.block, {name: value.to(self.dtype, copy=True) for name, value in origin.items()}
        self._targets, self._loss = cast(targets, self.dtype), output_loss(loss)

    def point_along(self, direction: Tensor) -> None:
        """Choose the line: v, shape (P,), in ``dtype``."""
        self._direction = split_vector(self._model, self._names, direction)

    @torch.no_grad()
    def losses(self, distances: Sequence[float]) -> list[float]:
        """Compute L(theta + d v) for each d."""
        sums = [sum(losses.sum(dtype=torch.float64) for losses in self._batches(d)) for d in distances]
        return (torch.stack(sums) / len(self._targets)).tolist()  # one wait for a GPU

    def gradient(self) -> Tensor:
        """Compute the gradient of the loss at theta, shape (P,), float64 sum of the batches' gradients."""
        total: Tensor | float = 0.0
        for losses in self._batches(0.0):
            mean = losses.sum() / len(self._targets)
            gradients = torch.autograd.grad(mean, list(self._block.values()), materialize_grads=True)
            total = total + torch.cat([gradient.reshape(-1) for gradient in gradients]).double()
        return total

    def _batches(self, distance: float) -> Iterator[Tensor]:
        """Yield the losses of the examples at theta + d v, batch by batch."""
        with torch.no_grad():
            for name, origin in self._origin.items():
                self._block[name].copy_(origin.add(self._direction[name], alpha=distance) if distance else origin)
        for start in range(0, count(self._inputs), self._batch):
            chunk = slice(start, start + self._batch)
            with fast_products(self._model, self._batch):
                outputs = self._suffix(take(self._inputs, chunk))
            yield self._loss(outputs, self._targets[chunk])


@dataclass(frozen=True)
class _AffineChunk:
    """Some examples, units-major; of one class if the loss is the cross-entropy."""

    examples: slice
    block_inputs: Tensor  # (m_in, c), with a row of ones if the block has the bias
    z: Tensor  # (m, c), the block's pre-activations at the origin
    change: Tensor  # (m, c), their change per unit of distance
    readout: Tensor  # (r, m_last): what is linear after the last activation
    offset: Tensor  # (r, 1) or (r, c)


class AffineProfile:
    """One dense layer of a fully-connected network: its pre-activations on the line are z + d (V h), affine in d.

    So a line costs one product V h, and a loss one elementwise pass over z + d (V h), the activation and the layers
    after the block, which are small; what is before the block is computed once. Any activation will do.

    For the cross-entropy the examples are sorted by class, and the last layer's weights are replaced, class by
    class, by their differences to the row of that class. The outputs are then the margins f_k - f_y, k != y, with
    no subtraction of large outputs, and the loss of an example is log1p(sum_k exp(f_k - f_y)), which keeps its relative
    accuracy when the loss is tiny (log-softmax in float32 loses it below 1e-6).

    Everything is computed in the model's dtype but the sum over the examples, which is in float64. Float32 then gives
    the loss to about 1e-7 relative, and with it an interval flatness to about the same.
    """

    def __init__(self, model: FullyConnected, layer: int, with_bias: bool, inputs: Tensor, targets: Tensor, loss: str):
        self.dtype = _dtype(model)
        self._activate = IN_PLACE.get(model.activation, model.activate)
        self._cross_entropy = loss == "cross_entropy"
        self._examples = len(inputs)
        self._with_bias = with_bias
        self._is_output = layer == model.depth
        self._hidden = [(linear.weight.detach(), linear.bias.detach()[:, None]) for linear in model.layers[layer:-1]]
        with torch.no_grad():
            self._chunks = self._split(model, layer, inputs, targets)
        like = self._chunks[0].z
        self._work = like.new_empty(max(chunk.z.numel() for chunk in self._chunks))
        self._outputs = like.new_empty(2, len(self._chunks[0].readout), self._examples)

    def _split(self, model: FullyConnected, layer: int, inputs: Tensor, targets: Tensor) -> list[_AffineChunk]:
        weight, bias = (value.detach() for value in model.layers[layer - 1].parameters())
        outputs = model.widths[-1]
        # the layer that writes the outputs; the identity if that is the block itself
        if self._is_output:
            last_weight = torch.eye(outputs, dtype=torch.float64, device=weight.device)
            last_bias = last_weight.new_zeros(outputs)
        else:
            last_weight, last_bias = (value.detach().double() for value in model.layers[-1].parameters())

        columns = max(1, CACHE_BYTES.on(weight.device) // (3 * weight.element_size() * len(weight)))
        if self._cross_entropy:
            order = torch.argsort(targets, stable=True)
            counts = torch.bincount(targets, minlength=outputs).tolist()
        else:
            order = torch.arange(self._examples, device=weight.device)
            counts = [self._examples]

        chunks = []
        start = 0
        for label, members in enumerate(counts):
            if self._cross_entropy:
                others = [k for k in range(outputs) if k != label]
                readout = last_weight[others] - last_weight[label]
                offset = last_bias[others] - last_bias[label]
            else:
                readout, offset = last_weight, last_bias
            pieces = order[start : start + members].tensor_split(-(-members // columns)) if members else []
            for piece in pieces:
                h = model.hidden(inputs[piece], layer - 1).T
                z = product(weight, h, plus=bias[:, None])
                if self._with_bias:
                    h = torch.cat([h, h.new_ones(1, h.shape[1])])
                shift = offset[:, None] if self._cross_entropy else offset[:, None] - targets[piece].T.double()
                chunks.append(
                    _AffineChunk(
                        examples=slice(start, start + len(piece)),
                        block_inputs=h.contiguous(),
                        z=z,
                        change=torch.zeros_like(z),
                        readout=readout.to(weight.dtype),
                        offset=shift.to(weight.dtype),
                    )
                )
                start += len(piece)
        return chunks

    def point_along(self, direction: Tensor) -> None:
        """Choose the line: v, shape (P,), in ``dtype``."""
        matrix = rows_from_block(direction, len(self._chunks[0].z), self._with_bias)
        for chunk in self._chunks:
            chunk.change.copy_(product(matrix, chunk.block_inputs))

    @torch.no_grad()
    def losses(self, distances: Sequence[float]) -> list[float]:
        """Compute L(theta + d v) for each d, at most two."""
        outputs = self._outputs_at(distances)
        if not self._cross_entropy:
            return (outputs.square_().sum((1, 2), dtype=torch.float64) / (2 * self._examples)).tolist()
        losses = (outputs.exp_().sum(1).log1p_().sum(1, dtype=torch.float64) / self._examples).tolist()
        return [
            self._overflowing_loss(distance) if math.isinf(value) else value
            for distance, value in zip(distances, losses, strict=True)
        ]

    def _overflowing_loss(self, distance: float) -> float:
        """Compute the cross-entropy where exp(f_k - f_y) overflows: the largest margin is taken out first."""
        margins = self._outputs_at([distance])[0]
        largest = margins.amax(0).clamp_min_(0)
        rest = margins.sub_(largest).exp_().sum(0).add_(largest.neg().exp_()).log_()
        return (largest + rest).sum(dtype=torch.float64).item() / self._examples

    def _outputs_at(self, distances: Sequence[float]) -> Tensor:
        """Compute margins f_k - f_y (cross-entropy) or residuals f - y (mse), (distances, r, n), in a reused buffer.

        The distances share the pass over the examples: a chunk is brought into the cache once.
        """
        outputs = self._outputs[: len(distances)]
        for chunk in self._chunks:
            for distance, written in zip(distances, outputs, strict=True):
                f = self._work[: chunk.z.numel()].view(chunk.z.shape)
                torch.add(chunk.z, chunk.change, alpha=distance, out=f)
                if not self._is_output:
                    f = self._activate(f)
                    for weight, bias in self._hidden:
                        f = self._activate(product(weight, f, plus=bias))
                torch.addmm(chunk.offset, chunk.readout, f, out=written[:, chunk.examples])
        return outputs
