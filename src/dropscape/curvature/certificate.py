"""Certificates of Hessians: symmetry, and finite differences of the gradient in float64.

Double backward gives H v whatever a layer's author wrote as its second derivative, and a layer's may be wrong. A matrix
that is made symmetric afterwards does not show it.
"""

import copy
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from dropscape.curvature.eigenpairs import refuse_what_is_not_finite
from dropscape.models.block import in_words
from dropscape.models.losses import PerExampleLoss, output_loss
from dropscape.models.prefix_suffix import Inputs, cast, count, split_network, take
from dropscape.numerics.certificates import FAILED, Certificate, Check
from dropscape.numerics.devices import Budget
from dropscape.numerics.finite_differences import derivative_along
from dropscape.numerics.seeds import torch_generator

# Relative: float32 of deep networks stays below some 1e-4.
LIMIT = 1e-3
# Forward passes of the check over an example, in float32's time: four gradients in float64.
FORWARD_PASSES = 24
# What the check may cost of a measurement.
SHARE = 0.05
LEAST_EXAMPLES = 8
BATCH = Budget(256, 2**12)
LAYER_TOLERANCE = 1e-6

Products = Callable[[Tensor], Tensor]


def examples_to_check(n: int, passes: float) -> int:
    """How many of n examples a check may read that repeats a measurement of so many forward passes an example.

    All of them where the measurement itself can be checked, which then is not repeated.
    """
    if passes * SHARE >= FORWARD_PASSES:
        return n
    return min(n, max(LEAST_EXAMPLES, int(n * SHARE / (1 + FORWARD_PASSES / passes))))


def certify_products(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss,
    products: Products,
) -> Certificate:
    """Check v -> H v of the mean loss over the given examples, and raise where it is wrong.

    A model that cannot compute in float64 is checked for symmetry alone, the rest is undecided.
    Checked are |u'Hv - v'Hu| over |u| |Hv| for random u and v, and |Hv - d| over |Hv|, where d is the change of the
    float64 gradient along v. The products come as they are, before any symmetrisation.

    Raises:
        CertificateError: one is beyond what rounding explains; it names the layer that does it where one is found.
    """
    size = sum(model.get_parameter(name).numel() for name in block)
    generator = torch_generator(0, "curvature", "certificate")
    vectors = torch.randn(2, size, dtype=torch.float64, generator=generator).to(targets.device)
    vectors /= vectors.norm(dim=1, keepdim=True)
    multiplied = products(vectors).double()
    try:
        difference, error = gradient_change(model, block, inputs, targets, loss, vectors[1])
    except (RuntimeError, TypeError) as failure:  # a layer with a dtype of its own, or a device without float64
        if "type" not in str(failure):
            raise
        difference, error = torch.zeros_like(vectors[1]), math.inf
    length = float(multiplied.norm(dim=1).max()) or 1.0
    refuse_what_is_not_finite(torch.tensor(length))
    certificate = Certificate(
        (
            Check("asymmetry", float((vectors[0] @ multiplied[1] - vectors[1] @ multiplied[0]).abs()) / length, LIMIT),
            Check(
                "distance to finite differences",
                float((multiplied[1] - difference).norm()) / length,
                LIMIT,
                error / length,
            ),
        ),
        count(inputs),
    )
    if certificate.verdict == FAILED:
        layer = wrong_layer(model, inputs)
        cause = (
            f"the second derivative of its layer '{layer}' is wrong, so write that layer another way"
            if layer
            else "no layer alone does it: write dtype=torch.float64, if rounding does"
        )
        certificate.demand(f"the Hessian of {in_words(block)}", cause)
    return certificate


def gradient_change(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss,
    vector: Tensor,
) -> tuple[Tensor, float]:
    """Compute the derivative of the mean loss's gradient along ``vector`` (P,), (P,), as ``derivative_along`` does."""
    cut = split_network(model, block, inputs, torch.float64)
    examples, outputs = cut.prepared(cast(inputs, torch.float64))
    values, targets, each = list(cut.block.values()), cast(targets, torch.float64), output_loss(loss)
    origin = torch.cat([value.detach().reshape(-1) for value in values])

    def gradient(theta: Tensor) -> Tensor:
        with torch.no_grad():
            for value, part in zip(values, theta.split([value.numel() for value in values]), strict=True):
                value.copy_(part.view_as(value))
        total, size = torch.zeros_like(origin), BATCH.on(targets.device)
        for start in range(0, len(targets), size):
            chunk = slice(start, start + size)
            with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
                mean = each(outputs(take(examples, chunk)), targets[chunk]).sum() / len(targets)
            parts = torch.autograd.grad(mean, values, materialize_grads=True)
            total += torch.cat([part.reshape(-1) for part in parts])
        return total

    return derivative_along(gradient, origin, vector)


def wrong_layer(model: nn.Module, inputs: Inputs) -> str | None:
    """Name the layer whose own second derivative in its parameters is the least symmetric; None if all are."""
    copied = copy.deepcopy(model).eval().double().requires_grad_(False)
    read: dict[str, tuple] = {}
    handles = [
        module.register_forward_pre_hook(lambda _, given, name=name: read.setdefault(name, given))
        for name, module in copied.named_modules()
        if name and (next(module.parameters(recurse=False), None) is not None or hasattr(module, "parametrizations"))
    ]
    with torch.no_grad():
        copied(cast(take(inputs, slice(0, LEAST_EXAMPLES)), torch.float64))
    for handle in handles:
        handle.remove()
    residuals = {name: _asymmetry(copied.get_submodule(name), given) for name, given in read.items()}
    worst = max(residuals, key=residuals.__getitem__, default=None)
    return worst if worst is not None and residuals[worst] > LAYER_TOLERANCE else None


def _asymmetry(layer: nn.Module, given: tuple) -> float:
    """|u'Hv - v'Hu| over |u| |Hv| of a random sum of a layer's outputs in its parameters; 0 if it has no such sum."""
    parameters = [value.requires_grad_() for value in layer.parameters()]
    try:
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            outputs = layer(*given)
            if not isinstance(outputs, Tensor) or not outputs.requires_grad:
                return 0.0
            generator = torch_generator(0, "curvature", "certificate of a layer")
            draw = [
                torch.randn(like.shape, dtype=like.dtype, generator=generator) for like in (outputs, *parameters * 2)
            ]
            weights, *pairs = [drawn.to(outputs.device) for drawn in draw]
            # Squared, so that a layer that is linear in its parameters has a second derivative too.
            total = (weights * outputs).square().sum()
            gradients = torch.autograd.grad(total, parameters, create_graph=True, materialize_grads=True)
            u, v = pairs[: len(parameters)], pairs[len(parameters) :]
            along = [
                torch.autograd.grad(gradients, parameters, w, retain_graph=True, materialize_grads=True) for w in (u, v)
            ]
        hu, hv, u, v = (torch.cat([part.reshape(-1) for part in parts]) for parts in (*along, u, v))
        return float((u @ hv - v @ hu).abs() / (u.norm() * hv.norm()).clamp_min(1e-300))
    finally:
        for value in parameters:
            value.requires_grad_(False)
