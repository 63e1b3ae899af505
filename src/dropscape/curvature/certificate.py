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
from dropscape.curvature.probe import Probe
from dropscape.models.block import in_words
from dropscape.models.losses import PerExampleLoss, output_loss
from dropscape.models.prefix_suffix import Inputs, cast, count, split_network, take
from dropscape.numerics.certificates import FAILED, Certificate, Check
from dropscape.numerics.devices import Budget
from dropscape.numerics.finite_differences import derivative_along
from dropscape.numerics.seeds import torch_generator

# Relative: float32 of deep networks stays below some 1e-4.
LIMIT = 1e-3
# Forward passes of the check over an example, in float32's time: up to four gradients in float64.
FORWARD_PASSES = 24
# What the check may cost of a measurement.
SHARE = 0.05
LEAST_EXAMPLES = 8
BATCH = Budget(256, 2**12)
LAYER_TOLERANCE = 1e-6

Products = Callable[[Tensor], Tensor]


def examples_to_check(n: int, passes: float) -> int:
    """How many of n examples a check may read of a measurement of so many forward passes an example.

    All of them where that costs no more than its share; else the check may repeat the measurement on the few.
    """
    if passes * SHARE >= FORWARD_PASSES:
        return n
    return min(n, max(LEAST_EXAMPLES, int(n * SHARE / (1 + FORWARD_PASSES / passes))))


def vectors_to_check(size: int, device: torch.device) -> Tensor:
    """Draw the two vectors that a Hessian is checked with, (2, P) float64, of length 1; the same in every run."""
    generator = torch_generator(0, "curvature", "certificate")
    vectors = torch.randn(2, size, dtype=torch.float64, generator=generator).to(device)
    return vectors / vectors.norm(dim=1, keepdim=True)


def certify_matrix(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss,
    matrix: Tensor,
    vectors: Tensor,
    probe: Probe,
) -> Certificate:
    """Check a Hessian (P, P) of the mean loss over all examples, and raise where it is wrong.

    Checked are, with random u and v: |u'Hv - v'Hu| of the matrix; its distance to the sum over all examples of the
    terms H_i v, which no matrix is formed for; and of the sum over a few examples the distance to the change of their
    float64 gradient along v. The first two read the matrix itself, as it is before it is made symmetric.

    It catches a wrong second derivative of a layer, one that only some examples show if these are among the few, a
    wrong sum, and entries in a wrong place, all as far as they change H v by more than a share of ``LIMIT``; so not a
    single wrong entry of many. The terms of the examples that are not among the few are taken for as right as theirs.

    Args:
        model, block, inputs, targets, loss: as ``block_loss`` gives them.
        matrix: (P, P), before any symmetrisation that its method needs.
        vectors: of ``vectors_to_check``.
        probe: of the second of them, filled while the matrix was summed up.

    Raises:
        CertificateError: a check is beyond what rounding explains; it names the layer that does it where one is found.
    """
    multiplied = (vectors.to(matrix) @ matrix).double()
    distance = float((multiplied[1] - probe.of_all).norm()) / _length(multiplied[1])
    summed = Check("distance to the sum over the examples", distance, LIMIT)
    examples = take(inputs, probe.chosen), targets[probe.chosen]
    return _certified(model, block, *examples, loss, vectors, multiplied, probe.of_few.double(), summed)


def certify_products(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss,
    products: Products,
) -> Certificate:
    """Check v -> H v of the mean loss over the given examples, and raise where it is wrong.

    Checked are |u'Hv - v'Hu| and the distance of H v to the change of the float64 gradient along v, for random u and v.
    Errors are those of ``certify_matrix``.
    """
    size = sum(model.get_parameter(name).numel() for name in block)
    vectors = vectors_to_check(size, targets.device)
    multiplied = products(vectors).double()
    return _certified(model, block, inputs, targets, loss, vectors, multiplied, multiplied[1])


def _certified(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss,
    vectors: Tensor,
    multiplied: Tensor,
    of_these: Tensor,
    *others: Check,
) -> Certificate:
    """Check H u and H v, (2, P), for symmetry, and H v of the given examples, (P,), against finite differences.

    A model that cannot compute in float64 is not checked by finite differences, which is undecided then.
    """
    try:
        difference, error = gradient_change(model, block, inputs, targets, loss, vectors[1], of_these)
    except (RuntimeError, TypeError) as failure:
        if not is_of_float64(failure):
            raise
        difference, error = torch.zeros_like(vectors[1]), math.inf
    u, v = vectors
    asymmetry = float((u @ multiplied[1] - v @ multiplied[0]).abs()) / _length(multiplied)
    length = _length(of_these)
    distance = float((of_these - difference).norm()) / length
    certificate = Certificate(
        (
            Check("asymmetry", asymmetry, LIMIT),
            Check("distance to finite differences", distance, LIMIT, error / length),
            *others,
        ),
        count(inputs),
    )
    if certificate.verdict == FAILED:
        certificate.demand(f"the Hessian of {in_words(block)}", _cause(certificate, model, inputs))
    return certificate


def _length(products: Tensor) -> float:
    """The largest length of products, (P,) or (K, P); 1 if all are zero. Numbers that are not finite are refused."""
    length = float(products.norm(dim=-1).max()) or 1.0
    refuse_what_is_not_finite(torch.tensor(length))
    return length


def _cause(certificate: Certificate, model: nn.Module, inputs: Inputs) -> str:
    """Say in words what may have made a check fail."""
    if all(check.verdict != FAILED for check in certificate.checks[:2]):
        return "no model explains that, so compute it again, and report it if it is wrong again"
    layer = wrong_layer(model, inputs)
    if layer:
        return f"the second derivative of its layer '{layer}' is wrong, so write that layer another way"
    return "no layer alone does it: write dtype=torch.float64, if rounding does"


def is_of_float64(failure: Exception) -> bool:
    """Tell whether a model failed because it cannot compute in float64: a layer has a dtype of its own, or a device."""
    return "type" in str(failure)


def gradient_change(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss,
    vector: Tensor,
    expected: Tensor,
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
            with torch.enable_grad():
                mean = each(outputs(take(examples, chunk)), targets[chunk]).sum() / len(targets)
            parts = torch.autograd.grad(mean, values, materialize_grads=True)
            total += torch.cat([part.reshape(-1) for part in parts])
        return total

    with sdpa_kernel(SDPBackend.MATH):
        return derivative_along(gradient, origin, vector, expected=expected)


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
