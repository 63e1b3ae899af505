"""Random gradients of a block of any module at frozen parameters: paper A sections 3.3 and 3.4.2.

Each sample is the gradient of R_S^drop, the mean loss of the network under a fresh mask of all its dropout layers, with
batch norm in evaluation mode. Only the block is differentiated.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from dropscape.dropout.layers import GroupMasks, masks_in_force, set_keep_prob
from dropscape.models.block import block_vector
from dropscape.models.halves import Examples, in_fast_order, of_images, split
from dropscape.models.losses import PerExampleLoss


def module_gradients(
    model: nn.Module,
    block: Sequence[str],
    inputs: Tensor,
    targets: Tensor,
    loss: PerExampleLoss,
    *,
    keep_prob: float | Sequence[float],
    samples: int,
    seed: int,
    mask_mode: str = "per_example",
    purpose: str = "gradients",
    micro_batch: int = 256,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Gradients of the block under ``samples`` fresh masks at frozen parameters.

    Sample i has the masks of draw i of ``GroupMasks(seed, "sampling", purpose)``, so more samples continue fewer. What
    stands before the block is computed once if no dropout acts there. The caller's model is not touched.

    Args:
        model: with a ``MaskedDropout`` wherever dropout acts.
        block: parameter names.
        inputs: (n, ...). targets: (n, ...).
        loss: (outputs, targets) -> (n,), for example a ``training_loss``.
        keep_prob: of all dropout layers, or of each.
        samples: N, how many.
        purpose: part of the masks' seed; two samples with different purposes are independent.
        micro_batch: examples differentiated at a time; changes memory and time, the result only by rounding.
        progress: called with (done, samples) after each.

    Returns:
        (N, P) in ``block_vector``'s order, on ``device``, in the model's dtype.

    Raises:
        ConfigurationError: the block or the keep probabilities do not fit the model, or an unknown mask mode.
    """
    result = torch.zeros(
        samples, block_vector(model, block).numel(), dtype=model.get_parameter(block[0]).dtype, device=device
    )
    draws = masked_draws(
        model, block, inputs, targets, loss, keep_prob=keep_prob, samples=samples, seed=seed, mask_mode=mask_mode,
        purpose=purpose, micro_batch=micro_batch, device=device,
    )  # fmt: skip
    for done, (row, (_, gradient)) in enumerate(zip(result, draws, strict=True), 1):
        row.copy_(gradient)
        if progress is not None:
            progress(done, samples)
    return result


def masked_draws(
    model: nn.Module,
    block: Sequence[str],
    inputs: Tensor,
    targets: Tensor,
    loss: PerExampleLoss,
    *,
    keep_prob: float | Sequence[float],
    samples: int,
    seed: int,
    mask_mode: str,
    purpose: str,
    micro_batch: int,
    device: str | torch.device,
) -> Iterator[tuple[Tensor, Tensor]]:
    """R_S^drop and the block's gradient of it under each of ``samples`` fresh masks, one after the other.

    The arguments are those of ``module_gradients``. Yields the loss, a float64 scalar, and the gradient (P,) in the
    model's dtype, both on ``device``.
    """
    model = deepcopy(model).to(device).eval().requires_grad_(False)
    if of_images(inputs):
        model = model.to(memory_format=torch.channels_last)
    set_keep_prob(model, keep_prob)
    prefix, suffix = split(model, block)
    parameters = [model.get_parameter(name).requires_grad_() for name in block]
    masks = GroupMasks(seed, "sampling", purpose, mask_mode, device)
    inputs, targets = in_fast_order(inputs.to(device)), targets.to(device)
    if not _passes_dropout(model, prefix, inputs[:1]):
        with torch.no_grad():
            inputs = torch.cat([prefix(part) for part in inputs.split(micro_batch)])
        prefix = _identity
    size, dtype = block_vector(model, block).numel(), parameters[0].dtype
    for draw in range(samples):
        mean = torch.zeros((), dtype=torch.float64, device=device)
        gradient = torch.zeros(size, dtype=dtype, device=device)
        for start in range(0, len(inputs), micro_batch):
            part = slice(start, start + micro_batch)
            with masks_in_force(model, masks, draw, start):
                with torch.no_grad():
                    before = prefix(inputs[part])
                total = loss(suffix(before), targets[part]).sum() / len(inputs)
            mean += total.detach()
            gradient += torch.cat([one.reshape(-1) for one in torch.autograd.grad(total, parameters)])
        yield mean, gradient


class _Noticed(Exception):
    """A dropout layer asked for a mask."""


class _Noticing:
    """Stands for ``GroupMasks`` to learn whether any layer asks."""

    def mask(self, *_: object) -> Tensor:
        raise _Noticed


def _passes_dropout(model: nn.Module, function: Callable[[Examples], Examples], x: Tensor) -> bool:
    """Whether a dropout layer that draws acts in ``function`` of the model."""
    try:
        with torch.no_grad(), masks_in_force(model, _Noticing(), 0, 0):
            function(x)
    except _Noticed:
        return True
    return False


def _identity(x: Tensor) -> Tensor:
    return x
