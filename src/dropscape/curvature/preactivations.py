"""The Hessian of one dense layer of any module, exactly, from the Hessians with respect to its pre-activations.

A dense layer reads its weights only through z_t = W h_t at the positions t of an example (one position, or the tokens
of a sentence). So with M_i the Hessian of example i's loss with respect to all its z_t,

    H = (1/n) sum_i sum_{t, s} M_i[t, s] (x) h_it h_is^T,

with no other term, whatever follows the layer. M_i has units x positions rows where H has units x fan_in, and one
product by double backward gives a row of M_i for every example at once. So H costs positions / fan_in times the
products that its unit vectors would.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from dropscape.curvature.layer import OpenLayer, OpenNetwork, block_order
from dropscape.curvature.probe import Probe
from dropscape.curvature.products import examples_at_once
from dropscape.models.losses import PerExampleLoss, output_loss
from dropscape.models.prefix_suffix import Inputs, cast, count
from dropscape.numerics.memory import bytes_per_example


def preactivation_hessian(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss,
    dtype: torch.dtype = torch.float32,
    probe: Probe | None = None,
) -> Tensor:
    """Compute the exact Hessian of the mean loss with respect to one dense layer's weight, or weight and bias.

    A convolution would do, and gain nothing. Errors are those of ``OpenNetwork``; outputs (n, ...) and targets (n, ...)
    are of any shape. ``probe`` gets the product with its vector. The result (P, P) is symmetric but for rounding.
    """
    network = OpenNetwork(model, block, inputs, dtype)
    targets, loss, n = cast(targets, dtype), output_loss(loss), count(inputs)

    def gradient(chunk: slice) -> tuple[Tensor, OpenLayer]:
        """Compute the gradient at the pre-activation with its graph; return also the opened layer."""
        with sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
            opened = network.run(chunk)
            total = loss(opened.outputs, targets[chunk]).sum() / n
            (at,) = torch.autograd.grad(total, opened.pre_activation, create_graph=True)
            return at, opened

    at_once = examples_at_once(bytes_per_example(lambda chunk: gradient(chunk)[0], n), targets.device)
    total = torch.zeros(0)
    for start in range(0, n, at_once):
        at, opened = gradient(slice(start, start + at_once))
        leaf, features = opened.pre_activation, opened.features
        fan_in, units = features.shape[1], leaf.shape[-1]
        if not total.numel():
            total = leaf.new_zeros(units, fan_in, units * fan_in)
        if not at.requires_grad:  # the loss is linear in the pre-activation
            continue
        if probe is not None:
            change = opened.change(probe.vector.to(leaf))
            (signal,) = torch.autograd.grad(at, leaf, change, retain_graph=True, materialize_grads=True)
            probe.add(start, len(leaf), partial(_summed, opened.to_block(n * signal)))
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
    return hessian


def _summed(rows: Tensor, chosen: slice | Tensor) -> Tensor:
    return rows[chosen].sum(dim=0)


def _row_of_each_example(at: Tensor, leaf: Tensor, position: int, unit: int) -> Tensor:
    """Compute the row of every example's M_i that belongs to one unit at one position, (m, L, units)."""
    one = torch.zeros_like(leaf)
    shape = len(leaf), -1, leaf.shape[-1]
    one.view(shape)[:, position, unit] = 1
    return torch.autograd.grad(at, leaf, one, retain_graph=True, materialize_grads=True)[0].view(shape)
