"""Noisy gradient descent in networks of any depth, and its order-1 equation from sampled gradients.

The noise is that of dropout, of batches, of normals added to the parameters, or of several of them (paper C, appendices
C and D). Where drift and covariance of the equation have no closed form, they are estimated: let g_1, ..., g_M be
gradients at the same parameters under fresh noise, g their mean and z_1, ..., z_M independent standard normals. Then

    g + (1/sqrt M) sum_i z_i (g_i - g)

has exactly the mean and exactly the covariance Sigma of one gradient, for every M from 2 on: g has the covariance
Sigma/M, the sum, whose mean is 0 whatever the gradients are, (1 - 1/M) Sigma, and the two are uncorrelated. For many
samples it is normal. It is also ``sum_i c_i g_i`` with ``c_i = 1/M + (z_i - mean z)/sqrt M``, the gradient of one
weighted loss: a step of Euler-Maruyama costs one backward pass through M networks. M = 1 is the descent itself.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dropscape.dropout.masks import check_keep_prob
from dropscape.equations.activations import activation_called
from dropscape.equations.deep import losses_and_accuracies, outputs_of, risks
from dropscape.equations.network import Sample
from dropscape.equations.trials import SimulationResult, TrialsInProgress
from dropscape.numerics.seeds import torch_generator
from dropscape.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class SampledSimulation:
    """What decides a simulation (with its start and its data).

    Attributes:
        activation, learning_rate, steps, history, seeds, purpose: as of ``dropscape.equations.simulation.Simulation``.
        keep_prob: of dropout after every hidden layer, one mask for all examples; 1 is without.
        batch_size: examples of a gradient, drawn with replacement, so that batches are independent; None takes all.
        parameter_noise: standard deviation of the normals that all parameters are moved by before a gradient
            (Orvieto et al., 2023).
        samples: M gradients a step; 1 is the descent itself, more its order-1 equation.
    """

    activation: str
    learning_rate: float
    steps: int
    history: tuple[int, ...]
    seeds: tuple[int, ...]
    purpose: str
    keep_prob: float = 1.0
    batch_size: int | None = None
    parameter_noise: float = 0.0
    samples: int = 1

    def __post_init__(self):
        check_keep_prob(self.keep_prob)
        activation_called(self.activation)


def simulate_sampled(
    sampled: SampledSimulation,
    start: Sequence[Tensor],
    train: Sample,
    test: Sample,
    *,
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> SimulationResult:
    """Run all trials from their start; a trial that diverges is recorded as NaN, and the others go on.

    Memory: some four arrays of T M b m numbers for each hidden layer, b being the batch.

    The start, weights of every layer (T, outputs, inputs), is left as it is; everything has its dtype. Other arguments
    are as of ``dropscape.equations.simulation.simulate``.
    """
    return _SampledTrials(sampled, start, train, test).finish(checkpoint, progress)


def coefficients(normals: Tensor) -> Tensor:
    """C_i of the module's text from standard normals (T, M): 1/M + (z_i - mean z)/sqrt M; they sum to 1."""
    samples = normals.shape[1]
    return 1 / samples + (normals - normals.mean(dim=1, keepdim=True)) / math.sqrt(samples)


def weighted_gradient(
    weights: Sequence[Tensor],
    train: Sample,
    activation: str,
    coefficients: Tensor,
    masks: Sequence[Tensor] | None = None,
    batches: Tensor | None = None,
    perturbations: Sequence[Tensor] | None = None,
) -> list[Tensor]:
    """``sum_i c_i g_i`` of every trial, shaped as the weights.

    Args:
        weights: of every layer (T, outputs, inputs).
        coefficients: c, (T, M).
        masks: of every hidden layer (T, M, m); None without dropout.
        batches: indices of examples (T, M, b); None takes all.
        perturbations: added to every layer's weights before the gradient is taken, (T, M, outputs, inputs) each.
    """
    leaves = [layer.detach().requires_grad_() for layer in weights]
    perturbed = leaves
    if perturbations is not None:
        perturbed = [leaf[:, None] + change for leaf, change in zip(leaves, perturbations, strict=True)]
    inputs, targets = train.inputs[None, None], train.targets[None, None]
    if batches is not None:
        inputs, targets = train.inputs[batches], train.targets[batches]
    losses = risks(outputs_of(perturbed, inputs, activation_called(activation), masks), targets)
    return list(torch.autograd.grad((coefficients * losses).sum(), leaves))


class _SampledTrials(TrialsInProgress):
    def _next_parameters(self) -> list[Tensor]:
        sampled, weights = self.simulation, self.parameters
        if sampled.samples > 1:
            combined = coefficients(self._normals("coefficients", sampled.samples))
        else:
            combined = torch.ones_like(weights[0][:, :1, 0])
        gradient = weighted_gradient(
            weights, self.train, sampled.activation, combined, self._masks(), self._batches(), self._perturbations()
        )
        return [layer.add(part, alpha=-sampled.learning_rate) for layer, part in zip(weights, gradient, strict=True)]

    def _losses_and_accuracies(self, sample: Sample) -> tuple[Tensor, Tensor]:
        return losses_and_accuracies(self.parameters, sample, self.activation)

    def _masks(self) -> list[Tensor] | None:
        keep_prob = self.simulation.keep_prob
        if keep_prob == 1:
            return None
        uniform = [
            self._drawn(torch.rand, f"masks/{index}", self.simulation.samples, layer.shape[1])
            for index, layer in enumerate(self.parameters[:-1])
        ]
        # float64, so that a unit is kept with a probability exact to that.
        return [(value < keep_prob).to(self.parameters[0].dtype) / keep_prob for value in uniform]

    def _batches(self) -> Tensor | None:
        size, examples = self.simulation.batch_size, len(self.train.inputs)
        if size is None:
            return None
        return (self._drawn(torch.rand, "batches", self.simulation.samples, size) * examples).long()

    def _perturbations(self) -> list[Tensor] | None:
        deviation = self.simulation.parameter_noise
        if deviation == 0:
            return None
        return [
            deviation * self._normals(f"parameters/{index}", self.simulation.samples, *layer.shape[1:])
            for index, layer in enumerate(self.parameters)
        ]

    def _normals(self, variable: str, *shape: int) -> Tensor:
        return self._drawn(torch.randn, variable, *shape).to(self.parameters[0].dtype)

    def _drawn(self, distribution: Callable[..., Tensor], variable: str, *shape: int) -> Tensor:
        """Numbers of every trial (T, ...), float64, by seed and step, so that a simulation can go on from any step."""
        sampled, device = self.simulation, self.parameters[0].device
        purpose = f"{sampled.purpose}/{variable}/{self.step}"
        generators = [torch_generator(seed, "equations", purpose) for seed in sampled.seeds]
        each = len(self.seeds) // len(sampled.seeds)
        numbers = [distribution(each, *shape, generator=one, dtype=torch.float64) for one in generators]
        return torch.cat(numbers).to(device)
