"""The Hessian of one dense layer of a piecewise linear network, exactly, as a sum of Kronecker products.

Between its kinks a ReLU network is linear in the pre-activation z_i of any one layer, and z_i is linear in the layer's
weights: z_i = W h_i. So the mean loss has the Hessian

    H = (1/n) sum_i A_i (x) h_i h_i^T,   A_i = J_i^T S_i J_i,

with J_i the Jacobian of the outputs with respect to z_i and S_i the Hessian of the loss with respect to the outputs:
diag(p_i) - p_i p_i^T for cross-entropy, the identity for squared error. There is no other term. The targets do not
enter. The block is that of paper A, App. A; the decomposition is the generalised Gauss-Newton matrix, here exact.

Both A_i and h_i h_i^T are symmetric. Keeping one triangle of each, "packed" as rows, leaves one matrix product of
units(units+1)/2 rows with inputs(inputs+1)/2 columns over the examples: a quarter of the full arithmetic.

Where p_i is nearly one-hot, S_i is the difference of two nearly equal numbers. With c the predicted class and
V_k = J_k - J_c, the same matrix is sum_{k != c} p_k V_k V_k^T - v v^T, v = sum_{k != c} p_k V_k, whose second term is
small against the first: no digits are lost.
"""

from collections.abc import Iterator, Mapping
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import pad

from dropscape.curvature.layer import rows_from_block
from dropscape.curvature.linearised import LinearisedNetwork, linearised_network
from dropscape.curvature.probe import Probe
from dropscape.models.fnn import FullyConnected
from dropscape.numerics.devices import Budget
from dropscape.numerics.products import add_product, product

# Large enough that accumulating the product costs little, small enough that the packed factors stay in a shared cache.
EXAMPLES_AT_ONCE = Budget(1024, 2**12)


def kronecker_hessian(
    model: FullyConnected,
    layer: int,
    with_bias: bool,
    inputs: Tensor,
    loss: str,
    dtype: torch.dtype = torch.float32,
    masks: Mapping[int, Tensor] | None = None,
    probe: Probe | None = None,
) -> Tensor:
    """Compute the exact Hessian of the mean loss with respect to one layer's weight, or weight and bias.

    The result is bitwise symmetric, in the order of ``block_vector``. Besides it a quarter of its size is needed.

    Args:
        model: with an activation of ``PIECEWISE_LINEAR``; anything else is a ConfigurationError.
        layer: counted from 1.
        with_bias: whether the layer's bias is in the block.
        inputs: (n, d).
        loss: "cross_entropy" or "mse".
        dtype: of the sum and of the result; float32 has a relative Frobenius error of a few 1e-7, float64 of 1e-14.
        masks: (m_k, n), factors of the activations of layer k, by k: those of dropout, scaled.
        probe: gets the product with its vector.
    """
    network = linearised_network(model, layer, with_bias, inputs, loss, dtype, masks)
    if probe is not None:
        KroneckerProducts(network, with_bias).add_to(probe)
    packed = _packed_sum(network)
    return _unpack(packed, _pair_numbers(network.units_on), _pair_numbers(network.inputs_on), with_bias)


class KroneckerProducts:
    """V -> H V = (1/n) sum_i A_i (V h_i) h_i^T without the matrix: a few small products over the examples.

    Args:
        network: the result of ``linearised_network``; its errors are those of ``kronecker_hessian``.
        with_bias: whether the layer's bias is in the block.

    What a product computes on the way is as large as the network's activations. It goes into the same memory each time,
    because allocating so much anew costs nearly as much as the arithmetic.
    """

    def __init__(self, network: LinearisedNetwork, with_bias: bool):
        self._network = network
        units, width = len(network.units_on), len(network.inputs_on)
        entries = rows_from_block(torch.arange(units * width, device=network.inputs.device), units, with_bias)
        self._kept = entries[network.units_on][:, network.inputs_on]
        rows = [len(self._kept), *(len(weight) for weight in network.weights)]
        self._changes = [network.inputs.new_empty(count, network.inputs.shape[1]) for count in rows]

    def __call__(self, vectors: Tensor) -> Tensor:
        """Compute H v for each row v of ``vectors`` (K, P); the result is (K, P), on the block's device."""
        vectors = vectors.to(self._kept.device)
        inputs = self._network.inputs
        products = torch.zeros_like(vectors)
        for vector, out in zip(vectors, products, strict=True):
            out[self._kept] = product(self._signals(vector), inputs.T).div_(inputs.shape[1]).to(out.dtype)
        return products

    def add_to(self, probe: Probe) -> None:
        """Give the product with the probe's vector."""
        signals, inputs = self._signals(probe.vector), self._network.inputs

        def terms(chosen: slice | Tensor) -> Tensor:
            found = torch.zeros_like(probe.vector)
            found[self._kept] = product(signals[:, chosen], inputs[:, chosen].T).to(found.dtype)
            return found

        probe.add(0, inputs.shape[1], terms)

    def _signals(self, vector: Tensor) -> Tensor:
        """Compute A_i V h_i of every example for one vector (P,): (kept units, n), to be used before the next call."""
        network, (first, *later) = self._network, self._changes
        direction = vector[self._kept].to(network.inputs.dtype)
        # Forward: the change of the outputs along V. Backward: its image under S_i, pulled back to the layer.
        change = product(direction, network.inputs, out=first)
        for slope, weight, out in zip(network.slopes, network.weights, later, strict=True):
            change = product(weight, change.mul_(slope), out=out)
        if network.predicted is not None:
            change = change.sub_((network.curvature * change).sum(dim=0)).mul_(network.curvature)
            # (diag(p) - p p^T) y adds up to zero; the rest is the predicted class's cancellation, taken back there.
            change.addcmul_(network.predicted, change.sum(dim=0), value=-1)
        earlier = self._changes[-2::-1]
        for slope, weight, out in zip(reversed(network.slopes), reversed(network.weights), earlier, strict=True):
            change = product(weight.T, change, out=out).mul_(slope)
        return change


def _packed_sum(network: LinearisedNetwork) -> Tensor:
    """Sum (1/n) packed A_i (pairs of units) times packed h_i h_i^T (pairs of inputs)."""
    width, n = network.inputs.shape
    total = network.inputs.new_zeros(_pairs(int(network.units_on.sum())), _pairs(width))
    buffer = total.new_empty(_pairs(width) * min(n, EXAMPLES_AT_ONCE.on(total.device)))
    factors = _one_linear_layer_factors if len(network.slopes) == 1 else _general_factors
    for index, left in factors(network):
        right = buffer[: _pairs(width) * len(index)].view(_pairs(width), len(index))
        _pack_outer(network.inputs.index_select(1, index), right)
        add_product(total, left, right.T)
    return total.div_(n)


def _pairs(count: int) -> int:
    return count * (count + 1) // 2


def _row_blocks(left: Tensor, right: Tensor, out: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield l[a], r[b] and out[(a, b)] for a <= b, some pairs at a time; out (pairs, chunk), the others (units, chunk).

    A processor takes those of one a, which copies nothing, a GPU all in one call.
    """
    count = len(left)
    if out.device.type != "cpu":
        first, second = torch.triu_indices(count, count, device=out.device)
        yield left[first], right[second], out
        return
    start = 0
    for a in range(count):
        yield left[a], right[a:], out[start : start + count - a]
        start += count - a


def _pack_outer(vectors: Tensor, out: Tensor) -> Tensor:
    """Set out[(a, b)] = v[a] v[b] for a <= b; vectors (units, chunk), out (pairs, chunk)."""
    for left, right, rows in _row_blocks(vectors, vectors, out):
        torch.mul(left, right, out=rows)
    return out


def _add_outer(left: Tensor, right: Tensor, out: Tensor, factor: float = 1.0) -> None:
    """Add factor l[a] r[b] to out[(a, b)] for a <= b."""
    for one, other, rows in _row_blocks(left, right, out):
        rows.addcmul_(one, other, value=factor)


def _balanced(index: Tensor) -> tuple[Tensor, ...]:
    """Split the index into the fewest chunks of nearly equal length that respect EXAMPLES_AT_ONCE."""
    return index.tensor_split(ceil(len(index) / EXAMPLES_AT_ONCE.on(index.device))) if len(index) else ()


def _one_linear_layer_factors(network: LinearisedNetwork) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (examples, packed A_i (pairs, chunk)) when J_i = W D_i, one linear layer after the block.

    Examples with one predicted class c share V_k = W_k - W_c, so sum_k p_k V_k V_k^T is one small matrix product.
    """
    (slope,), (weight,) = network.slopes, network.weights
    units, n = slope.shape
    buffers = slope.new_empty(2, _pairs(units) * min(n, EXAMPLES_AT_ONCE.on(slope.device)))
    classes = [None] if network.predicted is None else range(len(weight))
    for predicted in classes:
        if predicted is None:
            members, centred = torch.arange(n, device=slope.device), weight
        else:
            members, centred = network.predicted[predicted].nonzero()[:, 0], weight - weight[predicted]
        products = _pack_outer(centred.T.contiguous(), slope.new_empty(_pairs(units), len(weight)))
        for index in _balanced(members):
            shape = _pairs(units), len(index)
            factor, on = (buffer[: shape[0] * shape[1]].view(shape) for buffer in buffers)
            curvature = network.curvature.index_select(1, index)
            torch.mm(products, curvature, out=factor)
            if predicted is not None:
                mean = centred.T @ curvature
                _add_outer(mean, mean, factor, -1)
            factor.mul_(_pack_outer(slope.index_select(1, index), on))
            yield index, factor


def _general_factors(network: LinearisedNetwork) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (examples, packed A_i (pairs, chunk)) for any number of layers after the block, none included."""
    units = int(network.units_on.sum())
    for index, jacobian, curvature in _jacobians(network):
        factor = network.inputs.new_zeros(_pairs(units), len(index))
        for row, weighted in zip(jacobian, jacobian * curvature[:, None], strict=True):
            _add_outer(weighted, row, factor)
        if network.predicted is not None:
            mean = torch.einsum("kun,kn->un", jacobian, curvature)
            _add_outer(mean, mean, factor, -1)
        yield index, factor


def _jacobians(network: LinearisedNetwork) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (examples, J_k or J_k - J_c column by column (outputs, units, chunk), the curvature (outputs, chunk))."""
    for index in _balanced(torch.arange(network.inputs.shape[1], device=network.inputs.device)):
        jacobian = torch.eye(len(network.curvature), dtype=network.inputs.dtype, device=network.inputs.device)
        jacobian = jacobian[:, :, None].repeat(1, 1, len(index))
        if network.predicted is not None:
            jacobian -= network.predicted[:, index]
        for slope, weight in zip(reversed(network.slopes), reversed(network.weights), strict=True):
            jacobian = (weight.T @ jacobian).mul_(slope[:, index])
        yield index, jacobian, network.curvature[:, index]


def kronecker_trace(model: FullyConnected, inputs: Tensor, loss: str, dtype: torch.dtype = torch.float32) -> float:
    """Compute the exact trace of the Hessian of the mean loss with respect to all parameters.

    A network that is piecewise linear is linear in each single parameter between its kinks, so the diagonal has no
    other term than these: the trace is the sum over the layers of (1/n) sum_i Tr(A_i) |h_i|^2. Arguments and errors are
    those of ``kronecker_hessian``.
    """
    total = 0.0
    for layer in range(1, model.depth + 1):
        network = linearised_network(model, layer, True, inputs, loss, dtype)
        squares = network.inputs.square().sum(dim=0)
        for index, jacobian, curvature in _jacobians(network):
            traces = (jacobian.square().sum(dim=1) * curvature).sum(dim=0)
            if network.predicted is not None:
                traces -= torch.einsum("kun,kn->un", jacobian, curvature).square().sum(dim=0)
            total += float((traces * squares[index]).sum(dtype=torch.float64))
    return total / len(inputs)


def _unpack(packed: Tensor, unit_pairs: Tensor, input_pairs: Tensor, with_bias: bool) -> Tensor:
    """Unpack pairs (units) x (inputs) into the full matrix in block order: weight row by row, then the bias.

    Pairs that ``packed`` does not hold have the number after its last row or column, where a zero is put.
    """
    packed = pad(packed, (0, 1, 0, 1))
    units, width = len(unit_pairs), len(input_pairs)
    fan_in = width - with_bias
    weights = units * fan_in
    matrix = packed.new_empty(units * width, units * width)
    for a in range(units):
        # unit[c, b, d] is the entry of weight (a, b) and weight (c, d).
        unit = packed[unit_pairs[a]].index_select(1, input_pairs.flatten()).view(units, width, width)
        rows = slice(a * fan_in, (a + 1) * fan_in)
        matrix[rows, :weights].unflatten(1, (units, fan_in)).copy_(unit[:, :fan_in, :fan_in].transpose(0, 1))
        if with_bias:
            matrix[rows, weights:] = unit[:, :fan_in, -1].T
            matrix[weights + a, :weights] = unit[:, -1, :fan_in].flatten()
            matrix[weights + a, weights:] = unit[:, -1, -1]
    return matrix


def _pair_numbers(kept: Tensor) -> Tensor:
    """Number the packed pairs (a, b), in either order, of the kept of m vectors, (m, m); else how many there are."""
    count = int(kept.sum())
    numbers = kept.new_full((len(kept), len(kept)), _pairs(count), dtype=torch.int64)
    index = kept.nonzero()[:, 0]
    first, second = index[torch.triu_indices(count, count, device=kept.device)]
    numbers[first, second] = numbers[second, first] = torch.arange(_pairs(count), device=kept.device)
    return numbers
