"""Noise and curvature along dropout as exact matrices, where these are small (paper C, section 5 and appendix B)."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from dropscape.equations import matrices
from dropscape.equations.activations import activation_called
from dropscape.equations.inputs import EquationInputs
from dropscape.equations.modified_loss import modified_loss
from dropscape.equations.network import ForwardPass, Parameters, Sample, forward, two_layers
from dropscape.equations.simulation import Simulation, simulate
from dropscape.numerics.fits import spearman
from dropscape.numerics.schedules import recording_schedule
from dropscape.numerics.seeds import torch_generator

KEPT_LESS = 0.9  # of the keep probability, at which Sigma is measured a second time
NEGLIGIBLE = 1e-10  # a variance so much smaller than the largest one is rounding


def matrices_along(
    point: Mapping[str, Any], settings: Mapping[str, Any], inputs: EquationInputs
) -> Iterator[dict[str, float]]:
    """A row for every trial of dropout at some steps of a run; one that has diverged has no more.

    Columns: learning_rate, keep_prob, trial, seed, step, and those of ``measured``.
    """
    asked, activation, sample = settings["matrices"], settings["model"]["activation"], exact_sample(inputs)
    parameters, before = two_layers(inputs.start(settings["seeds"], settings["trials"])), 0
    for step in recording_schedule(point["steps"], asked["recorded_steps"]):
        simulation = Simulation(
            activation=activation,
            keep_prob=point["keep_prob"],
            learning_rate=inputs.scale * point["learning_rate"],
            steps=step - before,
            history=(),
            seeds=tuple(settings["seeds"]),
            purpose=f"matrices/{before}",
            method="dropout",
            record_divergence=True,
        )
        parameters, before = simulate(simulation, parameters, inputs.train).parameters, step
        for trial, state in enumerate(zip(*exact(parameters), strict=True)):
            seed = settings["seeds"][trial // settings["trials"]]
            if not all(value.isfinite().all() for value in state):
                continue
            one = Parameters(*(value[None] for value in state))
            passed = forward(one, sample, activation_called(activation))
            generator = torch_generator(seed, "equations", f"matrices/{trial}/{step}")
            key = {name: point[name] for name in ("learning_rate", "keep_prob")}
            row = measured(passed, point["keep_prob"], asked["leading_directions"], generator)
            yield key | {"trial": trial, "seed": seed, "step": step} | row


def exact(parameters: Parameters) -> Parameters:
    """The parameters in float64, on the processor."""
    return Parameters(*(value.double().cpu() for value in parameters))


def exact_sample(inputs: EquationInputs) -> Sample:
    """The training sample in float64, on the processor."""
    return Sample(inputs.train.inputs.double().cpu(), inputs.train.targets.double().cpu())


def measured(passed: ForwardPass, keep_prob: float, leading: int, generator: torch.Generator) -> dict[str, float]:
    """What the exact matrices of one state say.

    trace: Tr Sigma; trace_more_dropout: the same with ``KEPT_LESS`` of the keep probability. *_error, *_cosine:
    relative error in Frobenius norm and cosine of the right-hand sides of eq. (17), for the Hessian of L_S (hessian),
    Sigma (covariance) and one example's covariance (example); *_shuffled: with the l of other examples. cosine: of
    Hessian and Sigma. rank: Spearman's correlation of the variances along Sigma's eigenvectors with the curvatures
    there; overlap: share that the ``leading`` eigenvectors of Sigma have in the span of the Hessian's; *_rotated: with
    Sigma turned at random. loss_error, risk_error: E R_S^drop over L_S and over R_S, minus 1, in magnitude.
    """
    hessian = matrices.modified_hessian(passed, keep_prob)
    parts = matrices.noise_parts(passed, keep_prob)
    effects = parts.mean(dim=0)
    covariance, example = effects.mT @ effects, matrices.example_covariance(passed, keep_prob, parts)
    order = torch.randperm(len(parts), generator=generator)
    approximate = matrices.eq_17(passed, keep_prob, order)
    pairs = {
        "hessian": (approximate.hessian, hessian),
        "covariance": (approximate.covariance, covariance),
        "covariance_shuffled": (approximate.shuffled, covariance),
        "example": (approximate.covariance, example),
        "example_shuffled": (approximate.shuffled, example),
    }
    row = {"trace": float(covariance.trace())}
    row["trace_more_dropout"] = matrices.noise_trace(passed, KEPT_LESS * keep_prob)
    for name, (one, other) in pairs.items():
        row[f"{name}_error"] = float((one - other).norm() / other.norm())
        row[f"{name}_cosine"] = _cosine(one, other)
    row["cosine"] = _cosine(hessian, covariance)
    turned = torch.linalg.qr(torch.randn(effects.mT.shape, generator=generator, dtype=effects.dtype)).Q.mT
    _, sizes, directions = torch.linalg.svd(effects, full_matrices=False)
    curved = torch.linalg.eigh(hessian).eigenvectors[:, -leading:]
    used = sizes.square() > NEGLIGIBLE * sizes[0].square()
    for name, along in (("", directions), ("_rotated", turned)):
        curvatures = ((along @ hessian) * along).sum(dim=1)
        row[f"rank{name}"] = spearman(torch.stack([sizes, curvatures], dim=1)[used].numpy())
        row[f"overlap{name}"] = float((along[:leading] @ curved).square().sum() / leading)
    expected, risk = matrices.expected_dropout_loss(passed, keep_prob), modified_loss(passed, 1.0)
    row["loss_error"] = abs(expected / float(modified_loss(passed, keep_prob)) - 1)
    row["risk_error"] = abs(expected / float(risk) - 1)
    return row


def _cosine(one: Tensor, other: Tensor) -> float:
    return float((one * other).sum() / (one.norm() * other.norm()))
