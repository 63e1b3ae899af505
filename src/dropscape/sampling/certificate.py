"""Certificates of sampled gradients: the masked loss differentiated another way in float64, and no drift along them."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from scipy.special import ndtri, stdtr  # scipy.stats takes long to load
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from dropscape.curvature.certificate import BATCH, LIMIT, examples_to_check, is_of_float64
from dropscape.dropout.layers import ModuleMasks, masks_in_force
from dropscape.dropout.masks import LayerMasks
from dropscape.models.block import block_vector
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import PerExampleLoss, output_loss
from dropscape.models.prefix_suffix import Inputs, cast, count, joined, moved, take
from dropscape.numerics.certificates import Certificate, Check
from dropscape.numerics.finite_differences import derivative_along
from dropscape.numerics.seeds import torch_generator
from dropscape.sampling.closed_form import DropoutGradient
from dropscape.sampling.modules import cut_before_block, masked_draws

# A backward pass takes about two forward passes.
PASSES_OF_A_SAMPLE = 3
# How many times longer a convolution takes in float64 (torch 2.13 on a processor, which has a fast one in float32).
DOUBLE_CONVOLUTIONS = 15
TF32 = 2.0**-10
# (machine precision, limit): beyond it rounding, and the ReLUs that it switches, have changed the gradient itself.
LIMITS_OF_ROUNDING = ((1e-12, 1e-6), (1e-6, 3e-2), (TF32, 0.2), (1.0, 0.5))
# The halves' means are compared along so many random directions, in standard errors: beyond this limit once in 10^8.
DIRECTIONS, LIMIT_OF_DRIFT = 8, 6.0
FEWEST_FOR_DRIFT = 20


def certify_draws(
    masked: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: PerExampleLoss,
    rows: Tensor,
    masks: ModuleMasks,
    **options: object,
) -> Certificate:
    """Check gradients (N, P) of ``masked_draws``: the first is computed again in float64, and by finite differences.

    The derivative is judged in float64, so that neither rounding nor a ReLU that it switches counts against it; how far
    rounding moved the sample is a check of its own. The model and the arguments are those that were sampled with,
    ``options`` included; examples are as many as cost some 5 % of the samples. A model that cannot compute in float64
    is checked for drift alone, the rest is undecided.
    """
    n, device = count(inputs), rows.device
    few = take(inputs, slice(0, examples_to_check(n, _passes(masked, block, inputs, len(rows), masks, device))))
    chosen = targets[: count(few)]
    row = rows[0]
    if count(few) < n:
        _, row = next(masked_draws(masked, block, few, chosen, loss, samples=1, device=device, **options))
    try:
        exact, examples = deepcopy(masked).double(), (cast(few, torch.float64), cast(chosen, torch.float64))
        _, gradient = next(masked_draws(exact, block, *examples, loss, samples=1, device=device, **options))
    except (RuntimeError, TypeError) as failure:
        if not is_of_float64(failure):
            raise
        unknown = Check("distance to finite differences", math.inf, LIMIT, math.inf)
        return Certificate((unknown, *drift_checks(rows)), count(few))
    length = float(gradient.norm()) or 1.0
    direction = torch.randn(len(row), dtype=torch.float64, generator=torch_generator(0, "sampling", "certificate"))
    # Errors show in every direction that is random, and a wrong length along the gradient itself.
    direction = direction.to(device) + gradient / length
    change, error = masked_loss_change(exact, block, *examples, loss, masks, direction, length)
    off = float((gradient @ direction - change).abs()) / length
    checks = (
        Check("distance to finite differences", off, LIMIT, error / length),
        _rounding_check(row, gradient, masked),
    )
    return Certificate((*checks, *drift_checks(rows)), count(few))


def certify_closed_form(
    model: FullyConnected,
    block: Sequence[str],
    inputs: Tensor,
    targets: Tensor,
    rows: Tensor,
    masks: Callable[[tuple[int, int]], LayerMasks],
    *,
    keep_prob: float,
    dropout_after: int,
    loss: str,
) -> Certificate:
    """Check gradients (N, P) in closed form against autograd in float64 under the masks of the first and the last.

    ``masks`` makes the masks of so many units and examples; the other arguments are those that were sampled with.
    Examples are as many as cost some 5 % of the samples. As in ``certify_draws`` the formula is judged in float64.
    """
    n, device = len(inputs), rows.device
    products = [one * other for one, other in zip(model.widths[:-1], model.widths[1:], strict=True)]
    moving = PASSES_OF_A_SAMPLE * sum(products[min(dropout_after, len(products) - 1) :])
    few = examples_to_check(n, 1 + len(rows) * moving / sum(products))
    inputs, targets = inputs[:few], targets[:few]
    where = {"keep_prob": keep_prob, "dropout_after": dropout_after, "loss": loss, "device": device}
    network = deepcopy(model).to(device).double().eval().requires_grad_(False)
    parameters = [network.get_parameter(name).requires_grad_() for name in block]
    gradients = [DropoutGradient(one, block, inputs, targets, **where) for one in (model, network)]
    drawn = masks(gradients[0].mask_shape)
    examples, targets = inputs.to(device, torch.float64), cast(targets.to(device), torch.float64)
    worst, checks = 0.0, []
    for draw in sorted({0, len(rows) - 1}):
        kept = drawn.mask(draw)
        row, written_out = (gradient(kept) for gradient in gradients)
        exact = torch.zeros_like(written_out)
        for start in range(0, few, BATCH.on(device)):
            chunk = slice(start, start + BATCH.on(device))
            factors = (kept if kept.shape[1] == 1 else kept[:, chunk]).T.double() / keep_prob
            outputs = network.after(network.hidden(examples[chunk], dropout_after) * factors, dropout_after)
            mean = output_loss(loss)(outputs, targets[chunk]).sum() / few
            exact += torch.cat([part.reshape(-1) for part in torch.autograd.grad(mean, parameters)])
        worst = max(worst, float((written_out - exact).norm()) / (float(exact.norm()) or 1.0))
        checks.append(_rounding_check(rows[draw] if few == n else row, written_out, model))
    rounding = max(checks, key=lambda check: check.value)
    return Certificate((Check("distance to autograd", worst, LIMIT), rounding, *drift_checks(rows)), few)


def _rounding_check(row: Tensor, exact: Tensor, model: nn.Module) -> Check:
    """Say how far rounding moved a gradient (P,) from its value in float64."""
    coarsest = max(torch.finfo(value.dtype).eps for value in model.parameters() if value.is_floating_point())
    if row.is_cuda and torch.backends.cuda.matmul.allow_tf32:
        coarsest = max(coarsest, TF32)
    limit = next(limit for eps, limit in LIMITS_OF_ROUNDING if coarsest <= eps)
    return Check("rounding", float((row.double() - exact).norm()) / (float(exact.norm()) or 1.0), limit)


def masked_loss_change(
    masked: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: PerExampleLoss,
    masks: ModuleMasks,
    direction: Tensor,
    scale: float,
) -> tuple[Tensor, float]:
    """Compute the derivative of the mean loss under the first masks along ``direction`` (P,), as ``derivative_along``.

    The model and the examples are in float64.
    """
    device = direction.device
    network, size = deepcopy(masked).to(device).eval().requires_grad_(False), BATCH.on(device)
    inputs, targets = moved(inputs, device), targets.to(device)
    prefix, suffix, runs_once = cut_before_block(network, block, inputs, masks)
    if runs_once:
        with torch.no_grad():
            inputs = joined([prefix(take(inputs, slice(at, at + size))) for at in range(0, len(targets), size)])
        prefix = nn.Identity()
    origin, values = block_vector(network, block), [network.get_parameter(name) for name in block]

    @torch.no_grad()
    def mean_loss(theta: Tensor) -> Tensor:
        for value, part in zip(values, theta.split([value.numel() for value in values]), strict=True):
            value.copy_(part.view_as(value))
        total = torch.zeros((), dtype=torch.float64, device=theta.device)
        for start in range(0, len(targets), size):
            with masks_in_force(network, masks, 0, start):
                outputs = suffix(prefix(take(inputs, slice(start, start + size))))
            total += loss(outputs, targets[start : start + size]).sum()
        return total / len(targets)

    return derivative_along(mean_loss, origin, direction, scale)


def drift_checks(rows: Tensor) -> tuple[Check, ...]:
    """Compare the means of the first and the second half of samples (N, P) along random directions.

    The largest difference in standard errors (Student's t, as a normal of the same probability); none for few samples.
    """
    n, size = rows.shape
    if n < FEWEST_FOR_DRIFT:
        return ()
    generator = torch_generator(0, "sampling", "directions of the certificate")
    directions = torch.randn(size, DIRECTIONS, generator=generator).to(rows)
    along = torch.cat([(some - rows[0]) @ directions for some in rows.split(256)]).double()
    halves = along[: n // 2], along[n // 2 :]
    pooled = sum((half - half.mean(dim=0)).square().sum(dim=0) for half in halves) / (n - 2)
    error = (pooled * (1 / len(halves[0]) + 1 / len(halves[1]))).sqrt()
    difference = (halves[0].mean(dim=0) - halves[1].mean(dim=0)).abs()
    worst = float((difference / error).nan_to_num(0.0).max())
    z = -ndtri(stdtr(n - 2, -worst))
    return (Check("standard errors between the means of the halves", float(z), LIMIT_OF_DRIFT),)


def _passes(
    masked: nn.Module, block: Sequence[str], inputs: Inputs, samples: int, masks: ModuleMasks, device: torch.device
) -> float:
    """About how many forward passes over an example the samples cost: the prefix counts once where it runs once.

    Passes of convolutions in float64 take many of float32's time on a processor, which is as if there were fewer.
    """
    network = deepcopy(masked).to(device).eval().requires_grad_(False)
    one = moved(take(inputs, slice(0, 1)), device)
    slower = DOUBLE_CONVOLUTIONS if any(isinstance(module, _ConvNd) for module in network.modules()) else 1
    prefix, suffix, runs_once = cut_before_block(network, block, one, masks)
    if not runs_once:
        return PASSES_OF_A_SAMPLE * samples / slower
    products: list[int] = []
    hooks = [
        module.register_forward_hook(lambda module, _, output: products.append(_products(module, output)))
        for module in network.modules()
    ]
    with torch.no_grad():
        before = prefix(one)
        first = sum(products)
        suffix(before)
    for hook in hooks:
        hook.remove()
    share = 1 - first / sum(products) if sum(products) else 1.0
    return (1 - share + PASSES_OF_A_SAMPLE * samples * share) / slower


def _products(module: nn.Module, output: object) -> int:
    """Count the multiplications of a dense or convolutional layer; about, for what other layers have weights."""
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or not isinstance(output, Tensor):
        return 0
    return output.numel() * (weight[0].numel() if weight.ndim > 1 else 1)
