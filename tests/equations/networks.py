"""Small problems, and dropout by its definition: every mask's loss differentiated automatically."""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad, vmap

from benchmarks.covariance import from_vectors
from dropscape.equations.activations import Activation
from dropscape.equations.network import Parameters, Sample, with_ones


def normals(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def problem(
    seed: int, units: int, outputs: int, trials: int = 1, examples: int = 6, inputs: int = 2, dtype=torch.float64
) -> tuple[Parameters, Sample]:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return normals(generator, *shape).to(dtype)

    sample = Sample(with_ones(normal(examples, inputs)), normal(examples, outputs))
    return Parameters(normal(trials, units, outputs), normal(trials, units, inputs + 1)), sample


def curve(outputs: int = 2) -> tuple[Parameters, Sample]:
    """Three tanh units that a learning rate of 1/4 does not upset, and six points of a curve."""
    parameters, _ = problem(0, 3, outputs, inputs=1)
    x = torch.linspace(-1.5, 1.5, 6, dtype=torch.float64)[:, None]
    targets = torch.cat([torch.sin(2 * x), torch.cos(x)], dim=1)[:, :outputs]
    return Parameters(0.5 * parameters.a, 0.5 * parameters.w), Sample(with_ones(x), targets)


def all_masks(units: int, keep_prob: float) -> tuple[Tensor, Tensor]:
    """Masks (2^m, m) with entries 0 or 1/p and their probabilities (2^m,)."""
    kept = torch.tensor(list(itertools.product((0.0, 1.0), repeat=units)), dtype=torch.float64)
    return kept / keep_prob, (keep_prob * kept + (1 - keep_prob) * (1 - kept)).prod(dim=1)


def dropout_loss(theta: Tensor, mask: Tensor, sample: Sample, activation: Activation) -> Tensor:
    """R_S^drop (eq. 5) of one trial's vector (D,) under a mask (m,)."""
    a, w = (value[0] for value in from_vectors(theta[None], len(mask), sample.targets.shape[1]))
    outputs = (mask * activation.value(sample.inputs @ w.T)) @ a
    return (outputs - sample.targets).square().sum() / (2 * len(sample.inputs))


def enumerated_gradients(theta: Tensor, masks: Tensor, sample: Sample, activation: Activation) -> Tensor:
    """The gradients (masks, D) of one trial under every mask, by automatic differentiation."""
    return vmap(grad(lambda vector, mask: dropout_loss(vector, mask, sample, activation)), (None, 0))(theta, masks)


def expected_loss(sample: Sample, activation: Activation, units: int, keep_prob: float) -> Callable[[Tensor], Tensor]:
    """E R_S^drop as a function of one trial's vector, by enumeration: what L_S should be."""
    masks, probabilities = all_masks(units, keep_prob)
    losses = vmap(lambda theta, mask: dropout_loss(theta, mask, sample, activation), (None, 0))
    return lambda theta: probabilities @ losses(theta, masks)


def enumerated_covariance(theta: Tensor, sample: Sample, activation: Activation, units: int, keep_prob: float):
    """Sigma (D, D) of one trial from all masks."""
    masks, probabilities = all_masks(units, keep_prob)
    gradients = enumerated_gradients(theta, masks, sample, activation)
    centred = gradients - probabilities @ gradients
    return centred.T @ (probabilities[:, None] * centred)


def close(actual: Tensor, expected: Tensor, relative: float = 1e-11) -> None:
    """Equal up to rounding relative to the largest entry."""
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= relative * expected.abs().max()
