"""Random gradients of a block of any module at frozen parameters: paper A sections 3.3 and 3.4.2.

Each sample is the gradient of R_S^drop, the mean loss of the network under a fresh mask of all its dropout layers, with
batch norm in evaluation mode. Only the block is differentiated.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from dropscape.dropout.layers import ModuleMasks, dropout_layers, masks_in_force, set_keep_prob
from dropscape.models.block import block_vector
from dropscape.models.losses import PerExampleLoss
from dropscape.models.prefix_suffix import Inputs, are_images, in_fast_order, split
from dropscape.numerics.memory import fitting_micro_batch


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
    mask_mode: str = "per_example",
    purpose: str = "gradients",
    micro_batch: int = 256,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield R_S^drop and the block's gradient of it under each of ``samples`` fresh masks, one after the other.

    The loss is a float64 scalar, the gradient (P,) in the model's dtype, both on ``device``. Sample i has the masks of
    draw i of ``ModuleMasks(seed, "sampling", purpose)``, so more samples continue fewer, and two with different
    purposes are independent. What comes before the block is computed once if no dropout acts there. The caller's model
    is not touched. A ConfigurationError says what does not fit.

    Args:
        model: with a ``MaskedDropout`` wherever dropout acts.
        block: parameter names.
        inputs, targets: (n, ...).
        loss: (outputs, targets) -> (n,), for example a ``training_loss``.
        keep_prob: of all dropout layers, or of each.
        micro_batch: examples differentiated at a time on a processor, ``fitting_micro_batch`` on a GPU; changes memory
            and time, the result only by rounding.
        progress: called with (done, samples) after each.
    """
    model = deepcopy(model).to(device).eval().requires_grad_(False)
    if are_images(inputs):
        model = model.to(memory_format=torch.channels_last)
    set_keep_prob(model, keep_prob)
    prefix, suffix = split(model, block)
    parameters = [model.get_parameter(name).requires_grad_() for name in block]
    masks = ModuleMasks(seed, "sampling", purpose, mask_mode)
    inputs, targets = in_fast_order(inputs.to(device)), targets.to(device)
    if not _passes_dropout(model, prefix, inputs[:1]):
        with torch.no_grad():
            inputs = torch.cat([prefix(few) for few in inputs.split(micro_batch)])
        prefix = nn.Identity()
    micro_batch = fitting_micro_batch(
        micro_batch, lambda chunk: loss(suffix(prefix(inputs[chunk])), targets[chunk]), len(inputs), device
    )
    size, dtype = block_vector(model, block).numel(), parameters[0].dtype
    for draw in range(samples):
        mean = torch.zeros((), dtype=torch.float64, device=device)
        gradient = torch.zeros(size, dtype=dtype, device=device)
        for start in range(0, len(inputs), micro_batch):
            chunk = slice(start, start + micro_batch)
            with masks_in_force(model, masks, draw, start):
                with torch.no_grad():
                    before = prefix(inputs[chunk])
                total = loss(suffix(before), targets[chunk]).sum() / len(inputs)
            mean += total.detach()
            gradient += torch.cat([one.reshape(-1) for one in torch.autograd.grad(total, parameters)])
        if progress is not None:
            progress(draw + 1, samples)
        yield mean, gradient


def module_gradients(
    model: nn.Module,
    block: Sequence[str],
    inputs: Tensor,
    targets: Tensor,
    loss: PerExampleLoss,
    *,
    samples: int,
    device: str = "cpu",
    **options: Any,
) -> Tensor:
    """Compute gradients of the block under fresh masks, (N, P) in ``block_vector``'s order, as ``masked_draws`` does.

    Arguments and errors are those of ``masked_draws``.
    """
    size, dtype = block_vector(model, block).numel(), model.get_parameter(block[0]).dtype
    rows = torch.zeros(samples, size, dtype=dtype, device=device)
    draws = masked_draws(model, block, inputs, targets, loss, samples=samples, device=device, **options)
    for row, (_, gradient) in zip(rows, draws, strict=True):
        row.copy_(gradient)
    return rows


def _passes_dropout(model: nn.Module, function: Callable[[Inputs], Inputs], x: Tensor) -> bool:
    """Tell whether a dropout layer that draws acts in ``function`` of the model."""
    passed = []
    drawing = [layer for layer in dropout_layers(model).values() if layer.keep_prob < 1]
    hooks = [layer.register_forward_hook(lambda *_: passed.append(True)) for layer in drawing]
    with torch.no_grad():
        function(x)
    for hook in hooks:
        hook.remove()
    return bool(passed)
