"""The Hessian of one dense layer of any module, exactly, from the Hessians with respect to its pre-activations.

A dense layer reads its weights only through z_t = W h_t at the positions t of an example (one position, or the tokens
of a sentence). So with M_i the Hessian of example i's loss with respect to all its z_t,

    H = (1/n) sum_i sum_{t, s} M_i[t, s] (x) h_it h_is^T,

with no other term, whatever follows the layer. M_i has units x positions rows where H has units x fan_in, and one
product by double backward gives a row of M_i for every example at once. So H costs positions / fan_in times the
products that its unit vectors would.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from dropscape.curvature.layer import OpenNetwork, block_order
from dropscape.curvature.products import EXAMPLES_AT_ONCE, GRAPH_BYTES, bytes_per_example, per_example
from dropscape.models.halves import Examples, cast, count
from dropscape.models.losses import PerExampleLoss


def preactivation_hessian(
    model: nn.Module,
    block: Sequence[str],
    inputs: Examples,
    targets: Tensor,
    loss: str | PerExampleLoss,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """The exact Hessian of the mean loss with respect to one layer's weight, or weight and bias.

    Args:
        model: any module that maps n examples to outputs (n, ...), each example by itself.
        block: the weight of one dense layer, with or without its bias. A convolution would do, and gain nothing.
        inputs: n examples.
        targets: (n,) or (n, ...).
        loss: "cross_entropy", "mse" or a callable (outputs, targets) -> (n,) losses.
        dtype: of all arithmetic and of the result.

    Returns:
        (P, P), bitwise symmetric, in the order of ``block_vector``.

    Raises:
        ConfigurationError: see ``OpenNetwork``.
    """
    network = OpenNetwork(model, block, inputs, dtype, piecewise_linear=False)
    targets, loss, n = cast(targets, dtype), per_example(loss), count(inputs)

    def gradient(part: slice) -> tuple[Tensor, Tensor, Tensor]:
        """The gradient at the pre-activation with its graph, the pre-activation, and the features."""
        with sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
            opened = network.run(part)
            total = loss(opened.outputs, targets[part]).sum() / n
            return (
                torch.autograd.grad(total, opened.pre_activation, create_graph=True)[0],
                opened.pre_activation,
                opened.features,
            )

    at_once = max(1, min(EXAMPLES_AT_ONCE, GRAPH_BYTES // bytes_per_example(lambda part: gradient(part)[0], n)))
    total = torch.zeros(0)
    for start in range(0, n, at_once):
        at, leaf, features = gradient(slice(start, start + at_once))
        fan_in, units = features.shape[1], leaf.shape[-1]
        if not total.numel():
            total = leaf.new_zeros(units, fan_in, units * fan_in)
        if not at.requires_grad:  # the loss is linear in the pre-activation
            continue
        for position in range(features.shape[2]):
            here = features[:, :, position].T.contiguous()
            for unit in range(units):
                row = _row_of_each_example(at, leaf, position, unit)
                # (m, units x fan_in): this row of every M_i times the features of all positions
                total[unit].addmm_(here, torch.einsum("mlu,mfl->muf", row, features).flatten(1))
    hessian = total.flatten(0, 1)
    if len(block) == 2:
        order = block_order(torch.arange(units * fan_in, device=total.device).view(units, fan_in), with_bias=True)
        hessian = hessian[order][:, order]
    return hessian.add_(hessian.T.clone()).div_(2)


def _row_of_each_example(at: Tensor, leaf: Tensor, position: int, unit: int) -> Tensor:
    """(m, L, units): the row of every example's M_i that belongs to one unit at one position."""
    one = torch.zeros_like(leaf)
    shape = len(leaf), -1, leaf.shape[-1]
    one.view(shape)[:, position, unit] = 1
    return torch.autograd.grad(at, leaf, one, retain_graph=True, materialize_grads=True)[0].view(shape)
