"""Random gradients of a block of any module at frozen parameters: paper A sections 3.3 and 3.4.2.

Each sample is the gradient of R_S^drop, the mean loss of the network under a fresh mask of all its dropout layers, with
batch norm in evaluation mode. Only the block is differentiated.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from dropscape.dropout.convert import with_masked_dropout
from dropscape.dropout.layers import ModuleMasks, dropout_layers, masks_in_force, set_keep_prob
from dropscape.dropout.probe import probe_dropout
from dropscape.models.block import block_parameters, block_vector
from dropscape.models.losses import PerExampleLoss
from dropscape.models.prefix_suffix import Inputs, are_images, batches, count, in_fast_order, joined, moved, split, take
from dropscape.numerics.memory import fitting_micro_batch


def prepared(
    model: nn.Module, inputs: Inputs, keep_prob: float | Sequence[float] | None = None
) -> tuple[nn.Module, dict[str, float]]:
    """Copy a model for ``masked_draws``, and say which layers draw in a pass, with their keep probabilities.

    The copy has a ``MaskedDropout`` wherever dropout acts, which knows where the examples stand. ``keep_prob`` is that
    of all dropout layers, or of each; None leaves each its own. A ConfigurationError says what cannot be converted,
    what draws random numbers of its own, and what does not fit.
    """
    masked = with_masked_dropout(model)
    if keep_prob is not None:
        set_keep_prob(masked, keep_prob)
    device, n = next(masked.parameters()).device, count(inputs)

    def run(network: nn.Module, examples: int) -> None:
        network(moved(take(inputs, torch.arange(examples) % n), device))

    drawing = probe_dropout(masked, run, in_evaluation=True)
    layers = dropout_layers(masked)
    return masked, {name: layers[name].keep_prob for name in drawing}


def masked_draws(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: PerExampleLoss,
    *,
    samples: int,
    seed: int,
    mask_mode: str = "per_example",
    purpose: str = "gradients",
    micro_batch: int = 256,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield R_S^drop and the block's gradient of it under each of ``samples`` fresh masks, one after the other.

    The loss is a float64 scalar, the gradient (P,) in the model's dtype, or float32 where that is shorter, both on
    ``device``. Sample i has the masks of draw i of ``ModuleMasks(seed, "sampling", purpose)``, so more samples continue
    fewer, and two with different purposes are independent. What comes before the block is computed once if no dropout
    acts there. The caller's model is not touched. A ConfigurationError says what does not fit.

    Args:
        model: ``prepared``, or with a ``MaskedDropout`` wherever dropout acts and the examples first everywhere.
        block: parameter names.
        inputs, targets: (n, ...).
        loss: (outputs, targets) -> (n,), for example a ``training_loss``.
        micro_batch: examples differentiated at a time on a processor, ``fitting_micro_batch`` on a GPU; changes memory
            and time, the result only by rounding.
        progress: called with (done, samples) after each.
    """
    model = deepcopy(model).to(device).eval().requires_grad_(False)
    if are_images(inputs):
        model = model.to(memory_format=torch.channels_last)
    block_parameters(model, block)  # refuses unknown names
    parameters = [model.get_parameter(name).requires_grad_() for name in block]
    masks, n = ModuleMasks(seed, "sampling", purpose, mask_mode), count(inputs)
    inputs, targets = in_fast_order(moved(inputs, device)), targets.to(device)
    prefix, suffix, runs_once = cut_before_block(model, block, inputs, masks)

    def losses(chunk: slice) -> Tensor:
        with torch.no_grad():
            before = prefix(take(inputs, chunk))
        outputs = suffix(before)
        # A loss of half precision would have too few digits.
        outputs = outputs.float() if outputs.dtype in (torch.float16, torch.bfloat16) else outputs
        return loss(outputs, targets[chunk])

    if runs_once:
        with torch.no_grad():
            inputs = joined([prefix(few) for few in batches(inputs, micro_batch)])
        prefix = nn.Identity()
    micro_batch = fitting_micro_batch(micro_batch, losses, n, device)
    size = block_vector(model, block).numel()
    dtype = torch.promote_types(parameters[0].dtype, torch.float32)
    for draw in range(samples):
        mean = torch.zeros((), dtype=torch.float64, device=device)
        gradient = torch.zeros(size, dtype=dtype, device=device)
        for start in range(0, n, micro_batch):
            with masks_in_force(model, masks, draw, start):
                total = losses(slice(start, start + micro_batch)).sum() / n
            mean += total.detach()
            gradients = torch.autograd.grad(total, parameters, materialize_grads=True)
            gradient += torch.cat([one.reshape(-1) for one in gradients])
        if progress is not None:
            progress(draw + 1, samples)
        yield mean, gradient


def cut_before_block(
    model: nn.Module, block: Sequence[str], inputs: Inputs, masks: ModuleMasks
) -> tuple[Callable[[Inputs], Inputs], Callable[[Inputs], Tensor], bool]:
    """Cut a model before the block: prefix, suffix, and whether the prefix is the same under all masks."""
    prefix, suffix = split(model, block, inputs)
    return prefix, suffix, not _passes_dropout(model, prefix, take(inputs, slice(0, 1)), masks)


def _passes_dropout(model: nn.Module, function: Callable[[Inputs], Inputs], x: Inputs, masks: ModuleMasks) -> bool:
    """Tell whether a dropout layer that draws acts in ``function`` of the model."""
    passed = []
    drawing = [layer for layer in dropout_layers(model).values() if layer.keep_prob < 1]
    hooks = [layer.register_forward_hook(lambda *_: passed.append(True)) for layer in drawing]
    with torch.no_grad(), masks_in_force(model, masks, 0, 0):  # attention drops only then
        function(x)
    for hook in hooks:
        hook.remove()
    return bool(passed)
