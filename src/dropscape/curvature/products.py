"""Exact Hessian-vector products of the mean loss on a block, for any module.

The gradient's graph is built once and differentiated again for each vector (Pearlmutter's product by double backward),
so that the forward and the first backward pass are shared by all vectors. What comes before the block is computed once
(``dropscape.models.prefix_suffix``).

Double backward is faster than forward-over-reverse (``torch.func.jvp`` of ``grad``, vectorised), which runs the
gradient again for each call and whose rules for normalisations and softmax fall back to loops over the vectors.
Where a module is piecewise linear, ``JacobianProducts`` (``dropscape.curvature.jacobian``) is twice as fast again.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from dropscape.errors import ConfigurationError, RandomObjectiveError
from dropscape.models.block import block_vector
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import LOSSES, PerExampleLoss, output_loss
from dropscape.models.prefix_suffix import Inputs, cast, count, split_network, take
from dropscape.numerics.devices import Budget
from dropscape.numerics.memory import bytes_per_example

# Examples of one graph, and examples x vectors of one double backward. Batching over vectors pays only where examples
# are few: it makes larger operations, but of slower kinds.
EXAMPLES_AT_ONCE = Budget(2**8, 2**14)
EXAMPLE_VECTORS = Budget(2**6, 2**14)
# A fully-connected network's operations are so small that more pays; 100 units then take some 25 MB in float32.
EXAMPLES_OF_FULLY_CONNECTED = 2**14
EXAMPLE_VECTORS_OF_FULLY_CONNECTED = 2**16
# Memory: of the graph of one micro-batch, and of the graphs that are kept between calls.
GRAPH_BYTES = Budget(2**28, 1 / 32)
KEPT_BYTES = Budget(2**30, 1 / 16)
EXAMPLES_OF_CHECK = 64
BATCHING_TOLERANCE = 1e-3


class HessianOperator:
    """Multiplies vectors by the Hessian of the mean loss with respect to a block of any module.

    Arguments are those of ``block_hessian``, outputs (n, ...) and targets (n, ...) of any shape; that the loss is no
    random one is not looked at here: see ``refuse_random_objective``. The
    activations that the block's first layer reads are computed once where the module can be cut there. Graphs are kept
    between calls as long as they fit ``KEPT_BYTES``; the examples beyond are differentiated anew in each call.
    ``micro_batch`` examples are differentiated at a time, by default as many as fit ``GRAPH_BYTES``; it changes memory
    and time, the result only by rounding.
    """

    def __init__(
        self,
        model: nn.Module,
        block: Sequence[str],
        inputs: Inputs,
        targets: Tensor,
        loss: str | PerExampleLoss,
        dtype: torch.dtype = torch.float32,
        micro_batch: int | None = None,
    ):
        self.size = block_vector(model, block).numel()
        self.dtype = dtype
        self._loss = output_loss(loss)
        self._targets = cast(targets, dtype)
        self._n = count(inputs)
        fully_connected = type(model) is FullyConnected
        cut = split_network(model, block, inputs, dtype)
        self._block = list(cut.block.values())
        self._inputs, self._outputs = cut.prepared(
            cast(inputs, dtype), *([EXAMPLES_OF_FULLY_CONNECTED] if fully_connected else [])
        )
        if fully_connected:
            at_most, self._example_vectors = EXAMPLES_OF_FULLY_CONNECTED, EXAMPLE_VECTORS_OF_FULLY_CONNECTED
            kept = self._n if self._n <= (micro_batch or at_most) else 0
        else:
            each = bytes_per_example(self._gradient, self._n)
            at_most = examples_at_once(each, targets.device)
            self._example_vectors = EXAMPLE_VECTORS.on(targets.device)
            kept = KEPT_BYTES.on(targets.device) // each
        self._batches: bool | None = None  # whether torch can differentiate several vectors at once; not tried yet
        self._micro_batch = min(micro_batch or at_most, self._n)
        self._gradients = KeptChunks(self._gradient, self._n, self._micro_batch, kept)

    def __call__(self, vectors: Tensor) -> Tensor:
        """Compute H v for each row v of ``vectors`` (K, P); the result is (K, P), on the block's device."""
        vectors = vectors.to(self._block[0].device, self.dtype)
        products = torch.zeros_like(vectors)
        at_once = max(1, self._example_vectors // self._micro_batch)
        for gradient in self._gradients:
            if at_once > 1 and len(vectors) > 1:
                self._batches = self._can_batch(gradient) if self._batches is None else self._batches
                at_once = at_once if self._batches else 1
            for rows, out in zip(vectors.split(at_once), products.split(at_once), strict=True):
                out += self._differentiate(gradient, rows)
        return products

    def _gradient(self, chunk: slice) -> Tensor:
        """Compute the chunk's share of the mean loss's gradient, (P,), with its graph."""
        # Fused attention has no second derivative; the plain formula has.
        with sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
            total = self._loss(self._outputs(take(self._inputs, chunk)), self._targets[chunk]).sum() / self._n
            gradients = torch.autograd.grad(total, self._block, create_graph=True, materialize_grads=True)
            return torch.cat([one.reshape(-1) for one in gradients])

    def _can_batch(self, gradient: Tensor) -> bool:
        """Tell whether torch's batched products are its single ones: those of a group norm fail."""
        vectors = torch.linspace(-1, 2, 2 * self.size, dtype=self.dtype, device=gradient.device).view(2, -1)
        single = torch.cat([self._differentiate(gradient, vector[None]) for vector in vectors])
        try:
            batched = self._differentiate(gradient, vectors)
        except RuntimeError:  # and memory, for which one at a time is right too
            return False
        return bool((batched - single).norm() <= BATCHING_TOLERANCE * single.norm())

    def _differentiate(self, gradient: Tensor, vectors: Tensor) -> Tensor:
        if not gradient.requires_grad:  # the loss is linear in the block
            return torch.zeros_like(vectors)
        batched = len(vectors) > 1
        products = torch.autograd.grad(
            gradient,
            self._block,
            vectors if batched else vectors[0],
            is_grads_batched=batched,
            retain_graph=True,
            allow_unused=True,
        )
        pairs = zip(products, self._block, strict=True)
        rows = [vectors.new_zeros(len(vectors), value.numel()) if one is None else one for one, value in pairs]
        return torch.cat([one.reshape(len(vectors), -1) for one in rows], dim=1)


class KeptChunks:
    """Iterates over what ``make`` gives for each chunk of ``size`` of n examples; keeps those of ``kept`` examples."""

    def __init__(self, make: Callable[[slice], Any], n: int, size: int, kept: int):
        self._make, self._n, self._size = make, n, size
        self._keep = kept // size
        self.kept: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        for number, start in enumerate(range(0, self._n, self._size)):
            if number < len(self.kept):
                yield self.kept[number]
                continue
            result = self._make(slice(start, start + self._size))
            if number < self._keep:
                self.kept.append(result)
            yield result


def examples_at_once(bytes_of_each: int, device: torch.device) -> int:
    """Count the examples whose graph is built at once."""
    fitting = GRAPH_BYTES.on(device) // bytes_of_each
    return max(1, min(EXAMPLES_AT_ONCE.on(device), fitting))


def refuse_random_objective(model: nn.Module, inputs: Inputs, targets: Tensor, loss: str | PerExampleLoss) -> None:
    """Refuse a mean loss that is not one fixed function of the parameters.

    Raises:
        RandomObjectiveError: an active dropout layer, a batch norm that reads the batch, or two evaluations of the
            same examples that differ.
        ConfigurationError: the loss does not give one value an example, or one that depends on the other examples.
    """
    for name, module in model.named_modules():
        kind = type(module).__name__
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.training and module.p > 0:
            raise RandomObjectiveError(
                f"the model's layer '{name}' is a {kind}({module.p:g}) in training mode, so its loss is random; call "
                "model.eval() first, or give the masks as part of the inputs."
            )
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and (module.training or module.running_mean is None):
            raise RandomObjectiveError(
                f"the model's layer '{name}' is a {kind} that reads the batch's statistics, so its loss depends on "
                "the batching; call model.eval() first."
            )
    few = slice(0, EXAMPLES_OF_CHECK)
    few_inputs, few_targets = take(inputs, few), targets[few]
    values = {name: value.detach().clone() for name, value in (*model.named_parameters(), *model.named_buffers())}

    def outputs(chosen: slice) -> Tensor:
        return functional_call(model, values, (take(few_inputs, chosen),))

    each, half = output_loss(loss), slice(len(few_targets) // 2, None)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        written = outputs(few)
        first, second = each(written, few_targets), each(outputs(few), few_targets)
        alone = outputs(half) if len(few_targets) >= 4 else written[half]
        later = each(written[half], few_targets[half])
    if first.shape != few_targets.shape[:1]:
        raise ConfigurationError(
            f"the loss returned the shape {tuple(first.shape)} for {len(few_targets)} examples; give a callable that "
            "returns one value an example (reduction='none'), so that the mean is exact whatever the batching."
        )
    # The same sums in the same order: only where an accelerator varies the order may the last digits differ.
    if not torch.allclose(first, second, rtol=1e-5, atol=1e-7, equal_nan=True):
        raise RandomObjectiveError(
            "two evaluations of the loss on the same examples and parameters differ by up to "
            f"{(first - second).abs().max():.3g}; switch off whatever draws random numbers in the model's forward pass."
        )
    # Losses are compared on the same outputs, because a tiny loss changes with the rounding of these.
    if not (_agree(alone, written[half]) and _agree(later, first[half])):
        raise ConfigurationError(
            "the loss of an example depends on the others that are in a batch with it, so that it has no mean over all "
            "examples; let the model and the loss treat each example by itself, with targets of the outputs' shape."
        )


def _agree(one: Tensor, other: Tensor) -> bool:
    """Tell whether numbers of the same examples in batches of different size agree but for rounding, however coarse."""
    relative = 0.2 if one.dtype in (torch.float16, torch.bfloat16) else 1e-2
    scale = float(other.detach().abs().nan_to_num(0.0, 0.0, 0.0).max())
    return torch.allclose(one, other, relative, relative * scale / 10, equal_nan=True)


def by_name(loss: str | PerExampleLoss) -> str | PerExampleLoss:
    """Return the name of a loss of ``LOSSES`` that was given as its function; anything else as it is."""
    return next((name for name, known in LOSSES.items() if known is loss), loss)
