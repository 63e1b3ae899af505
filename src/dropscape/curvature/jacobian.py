"""The Hessian of one layer of any piecewise linear module, exactly, from the Jacobians of its outputs.

Between its kinks a network of convolutions, dense layers, ReLUs, poolings, sums and batch norms with fixed statistics
is linear in the weights of any one layer. So the mean loss has the Hessian

    H = (1/n) sum_i J_i^T S_i J_i,

with J_i (C, P) the Jacobian of the outputs with respect to the block and S_i the Hessian of the loss with respect to
the outputs: diag(p_i) - p_i p_i^T for cross-entropy, the identity for squared error. There is no other term: the
generalised Gauss-Newton matrix is the Hessian. C - 1 backward passes an example replace P products with the Hessian.

S_i has an exact square root that loses no digits where p_i is nearly one-hot. With c the predicted class, D the
diagonal of the other classes' probabilities and q = sqrt(p) of those, S_i restricted to differences to c is D - p p^T,
and sqrt(D) (I - q q^T / (1 + sqrt(p_c))) is a root of it, because |q|^2 = 1 - p_c. The rows of

    R_i = (I - q q^T / (1 + sqrt(p_c))) sqrt(D) (J_k - J_c)_{k != c}

are backward passes seeded with combinations of outputs, and H = (1/n) sum_i R_i^T R_i, one symmetric product.

A single product H v takes one pass forward and one backward, without the second derivatives of double backward.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from dropscape.curvature.activation_pattern import HeldPattern, RecordedPattern
from dropscape.curvature.layer import CHECK_TOLERANCE, EXAMPLES_OF_CHECK, OpenLayer, OpenNetwork
from dropscape.curvature.probe import Probe
from dropscape.curvature.products import KEPT_BYTES, KeptChunks
from dropscape.errors import ConfigurationError
from dropscape.models.losses import one_hot
from dropscape.models.prefix_suffix import Inputs, count, spread, take
from dropscape.numerics.devices import Budget
from dropscape.numerics.memory import bytes_per_example
from dropscape.numerics.seeds import torch_generator

# Memory of one micro-batch: of its graph, and of its rows R_i. Larger ones leave the processor's caches.
GRAPH_BYTES = Budget(2**26, 1 / 32)
ROW_BYTES = Budget(2**26, 1 / 32)
# Columns that the symmetric product updates at once: it computes little more than one triangle.
COLUMNS_AT_ONCE = 512
# How many times as large as the network's pre-activations a change of them is made.
FAR_OUT = 2**10


def jacobian_hessian(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    loss: str,
    dtype: torch.dtype = torch.float32,
    probe: Probe | None = None,
) -> Tensor:
    """Compute the exact Hessian of the mean loss with respect to one layer's weight, or weight and bias.

    Arguments, result and errors are as for ``block_hessian`` and ``OpenNetwork``: the layer is dense or convolutional,
    ``loss`` one of the two names, and the outputs (n, C) are piecewise linear in the block, which
    ``refuse_other_readings`` finds out. The targets do not enter; ``probe`` gets the product with its vector. The
    result is bitwise symmetric.

    In float32 rounding also decides whether a unit within it of its kink is on; over many units that changes the
    Hessian by no more than the other rounding does, some 1e-6 relative. Float64 is the same work at half the speed.
    """
    network, first = _open(model, block, inputs, loss, dtype)
    n = count(inputs)
    row_bytes = first.outputs.numel() * network.size * first.outputs.element_size()
    graph_bytes = bytes_per_example(lambda chunk: network.run(chunk).outputs, n)
    device = first.outputs.device
    graphs = GRAPH_BYTES.on(device) // graph_bytes
    at_once = max(1, min(graphs, ROW_BYTES.on(device) // row_bytes))
    total = torch.zeros(network.size, network.size, dtype=dtype, device=device)
    for start in range(0, n, at_once):
        opened = network.run(slice(start, start + at_once))
        # One backward pass a row: over some examples vectorising it would be no faster and take K times the memory.
        seeds = root_of_output_hessian(opened.outputs.detach(), loss)
        rows = torch.stack([opened.to_block(opened.to_pre_activation(seed)) for seed in seeds], dim=1)
        _add_outer(rows.flatten(0, 1), total)
        if probe is not None:
            along = rows @ probe.vector.to(rows)
            probe.add(start, len(rows), partial(_times, rows, along))
    for start in range(0, network.size, COLUMNS_AT_ONCE):
        stop = start + COLUMNS_AT_ONCE
        total[stop:, start:stop] = total[start:stop, stop:].T
        block_of_diagonal = total[start:stop, start:stop]
        block_of_diagonal.copy_((block_of_diagonal + block_of_diagonal.T) / 2)
    return total.div_(n)


def _times(rows: Tensor, along: Tensor, chosen: slice | Tensor) -> Tensor:
    """Compute the sum of R_i^T a_i over chosen ones of m examples, (P,), from R (m, K, P) and a (m, K)."""
    return rows[chosen].flatten(0, 1).T @ along[chosen].flatten()


class JacobianProducts:
    """v -> H v = (1/n) sum_i J_i^T S_i J_i v: the Hessian of a piecewise linear module, in two passes a vector.

    Forward the network runs with its activation pattern held, backward along the graph of the outputs. Graphs are kept
    between calls as long as they fit ``KEPT_BYTES``; the examples beyond are run anew in each call.

    Arguments and errors are those of ``jacobian_hessian``; ``micro_batch`` examples run at a time, which changes memory
    and time, the result only by rounding.
    """

    def __init__(
        self,
        model: nn.Module,
        block: Sequence[str],
        inputs: Inputs,
        loss: str,
        dtype: torch.dtype = torch.float32,
        micro_batch: int | None = None,
    ):
        self._network, first = _open(model, block, inputs, loss, dtype)
        self._loss, self._n = loss, count(inputs)
        self._device, self._dtype = first.features.device, dtype
        each = bytes_per_example(lambda chunk: self._network.run(chunk).outputs, self._n)
        each += first.features.numel() * first.features.element_size()
        graph_bytes = GRAPH_BYTES.on(self._device)
        micro_batch = min(micro_batch or max(1, graph_bytes // each), self._n)
        kept = KEPT_BYTES.on(self._device) // each
        self._hold = _can_be_held(model, block, inputs, loss)
        self._chunks = KeptChunks(
            lambda chunk: _LinearisedChunk(self._network, chunk, self._hold), self._n, micro_batch, kept
        )

    def __call__(self, vectors: Tensor) -> Tensor:
        """Compute H v for each row v of ``vectors`` (K, P); the result is (K, P), on the block's device."""
        vectors = vectors.to(self._device, self._dtype)
        products = torch.zeros_like(vectors)
        for chunk in self._chunks:
            for vector, out in zip(vectors, products, strict=True):
                signal = chunk.through_loss(chunk.forward(chunk.opened.change(vector)), self._loss)
                out += chunk.opened.to_block(chunk.opened.to_pre_activation(signal)).sum(dim=0)
        return products.div_(self._n)


class _LinearisedChunk:
    """Some examples' outputs as a linear function of their pre-activations."""

    def __init__(self, network: OpenNetwork, chunk: slice, hold: bool):
        self._network, self._chunk, self._hold = network, chunk, hold
        with RecordedPattern() if hold else nullcontext() as self._pattern:
            self.opened = network.run(chunk)
        if hold:
            z = self.opened.pre_activation.detach()
            self._size, self._constant = z.abs().max() or z.new_ones(()), self._held(torch.zeros_like(z))

    def _held(self, z: Tensor) -> Tensor:
        with HeldPattern(self._pattern):
            return self._network.outputs(self._chunk, z)

    def forward(self, change: Tensor) -> Tensor:
        """Multiply a change of each pre-activation, (m, ...), by J_i; (m, C)."""
        if not self._hold:
            z = self.opened.pre_activation.detach()
            return torch.func.jvp(lambda z: self._network.outputs(self._chunk, z), (z,), (change,))[1]
        # The held network is affine; far out its constant is small and takes no digits from the difference.
        largest = change.abs().max()
        scale = FAR_OUT * self._size / largest
        if not bool(torch.isfinite(scale)):
            return self._constant * largest  # zero or, of a diverged network, not finite
        scale = torch.exp2(scale.log2().round())
        return (self._held(change * scale) - self._constant).div_(scale)

    def through_loss(self, change: Tensor, loss: str) -> Tensor:
        """Multiply a change of each output, (m, C), by S_i."""
        if loss == "mse":
            return change
        outputs = self.opened.outputs.detach()
        probabilities, predicted = outputs.softmax(dim=1), one_hot(outputs.argmax(dim=1), outputs.shape[1])
        weighted = probabilities * (change - (probabilities * change).sum(dim=1, keepdim=True))
        # (diag(p) - p p^T) y adds up to zero; the rest is the predicted class's cancellation, taken back there.
        return weighted - predicted * weighted.sum(dim=1, keepdim=True)


def _can_be_held(model: nn.Module, block: Sequence[str], inputs: Inputs, loss: str) -> bool:
    """Tell whether ``RecordedPattern`` knows all kinks of the module: held, it is the backward pass's adjoint."""
    few = take(inputs, spread(count(inputs), EXAMPLES_OF_CHECK))
    network, _ = _open(model, block, few, loss, torch.float64)
    chunk = _LinearisedChunk(network, slice(0, EXAMPLES_OF_CHECK), hold=True)
    generator = torch_generator(0, "curvature", "check of a pattern")
    change, signal = (
        torch.randn(like.shape, dtype=like.dtype, generator=generator).to(like.device)
        for like in (chunk.opened.pre_activation, chunk.opened.outputs)
    )
    forward, backward = chunk.forward(change) * signal, chunk.opened.to_pre_activation(signal) * change
    return bool((forward.sum() - backward.sum()).abs() <= CHECK_TOLERANCE * forward.norm())


def _open(
    model: nn.Module, block: Sequence[str], inputs: Inputs, loss: str, dtype: torch.dtype
) -> tuple[OpenNetwork, OpenLayer]:
    """Open the network and run it on the first example."""
    if loss not in ("cross_entropy", "mse"):
        raise ConfigurationError(
            f"method 'jacobian' supports the losses 'cross_entropy' and 'mse', not {loss!r}; write method 'products'."
        )
    network = OpenNetwork(model, block, inputs, dtype)
    first = network.run(slice(0, 1))
    if first.outputs.ndim != 2:
        raise ConfigurationError(
            f"method 'jacobian' needs outputs (n, C), not {tuple(first.outputs.shape)}; write method 'products'."
        )
    return network, first


def root_of_output_hessian(outputs: Tensor, loss: str) -> Tensor:
    """Compute R (K, m, C) with sum_k R_ki R_ki^T = S_i, the Hessian of the loss with respect to the outputs (m, C).

    K is C - 1 for the cross-entropy, where S_i has rank C - 1, and C for squared error.
    """
    m, classes = outputs.shape
    if loss == "mse":
        return torch.eye(classes, dtype=outputs.dtype, device=outputs.device)[:, None].expand(-1, m, -1)
    probabilities = outputs.softmax(dim=1)
    predicted = outputs.argmax(dim=1, keepdim=True)
    others = (predicted + torch.arange(1, classes, device=outputs.device)) % classes
    p = probabilities.gather(1, others)
    share = p / (1 + probabilities.gather(1, predicted).sqrt())
    # Row k is sqrt(p_k) (e_k - e_c - sum_j share_j (e_j - e_c)).
    unit = one_hot(others, classes).to(outputs.dtype)
    shares = (share[:, :, None] * unit).sum(dim=1, keepdim=True)
    lost = (share.sum(dim=1, keepdim=True) - 1)[:, :, None] * one_hot(predicted, classes)
    return (unit - shares + lost).mul_(p.sqrt()[:, :, None]).transpose(0, 1)


def _add_outer(rows: Tensor, total: Tensor) -> None:
    """Add rows^T rows to the upper block triangle of ``total`` (P, P)."""
    for start in range(0, total.shape[0], COLUMNS_AT_ONCE):
        total[start : start + COLUMNS_AT_ONCE, start:].addmm_(
            rows[:, start : start + COLUMNS_AT_ONCE].T, rows[:, start:]
        )
