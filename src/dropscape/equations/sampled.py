"""Noisy gradient descent in networks of any depth, and its order-1 equation from sampled gradients.

The noise is that of dropout after every hidden layer, of batches, of normals added to the parameters, or of several of
them (paper C, appendices C and D). There is no closed form of its drift or covariance, since masks stand inside of
activations, and both are estimated: let g_1, ..., g_M be gradients at the same parameters under fresh noise, g their
mean and z_1, ..., z_M independent standard normals. Then

    g + (1/sqrt M) sum_i z_i (g_i - g)

has exactly the mean and exactly the covariance Sigma of one gradient, for every M from 2 on: g has the covariance
Sigma/M, the sum, whose mean is 0 whatever the gradients are, (1 - 1/M) Sigma, and the two are uncorrelated. For many
samples it is normal. It is also ``sum_i c_i g_i`` with ``c_i = 1/M + (z_i - mean z)/sqrt M``, the gradient of one
weighted loss: a step of Euler-Maruyama costs one backward pass through M networks. M = 1 is the descent itself.

Weights are a list of (T, outputs, inputs), those of hidden layers with their biases in a last column, as
``dropscape.equations.inputs.initial_weights`` draws them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dropscape.equations.activations import Activation, activation_called
from dropscape.equations.network import Parameters, Sample, measured, two_layers
from dropscape.equations.trials import TrialsInProgress, TrialsSettings
from dropscape.numerics.random_stream import RandomStream


@dataclass(frozen=True)
class SampledSimulation(TrialsSettings):
    """What decides a simulation of networks of any depth."""

    # Examples of a gradient, drawn with replacement, so that batches are independent; None takes all.
    batch_size: int | None = None
    # Standard deviation of the normals that all parameters are moved by before a gradient (Orvieto et al., 2023).
    parameter_noise: float = 0.0
    samples: int = 1  # M gradients a step; 1 is the descent itself, more its order-1 equation
    averaged: bool = False  # their mean alone, descent on the mean of the noisy loss but for 1/M of the covariance


def outputs_of(
    weights: Sequence[Tensor], inputs: Tensor, activation: Activation, masks: Sequence[Tensor] | None = None
) -> Tensor:
    """Outputs (T, M, b, k) on inputs (T or 1, M or 1, b, d + 1), which hold a column of ones.

    Args:
        weights: of every layer (T, outputs, inputs), or (T, M, outputs, inputs) with one network for each of M draws.
        masks: of every hidden layer (T, M, m), with entries 0 or 1/keep_prob, one for all examples; None without
            dropout.
    """
    weights = [layer if layer.ndim == 4 else layer[:, None] for layer in weights]
    hidden = inputs @ weights[0].mT
    for index, layer in enumerate(weights[1:]):
        hidden = activation.value(hidden)
        if masks is not None:
            hidden = hidden * masks[index][:, :, None]
        last = index == len(weights) - 2
        hidden = hidden @ layer.mT if last else hidden @ layer[..., :-1].mT + layer[..., None, :, -1]
    return hidden


def risks(outputs: Tensor, targets: Tensor) -> Tensor:
    """R_S of eq. (1) on each draw's examples, (T, M), from outputs (T, M, b, k) and targets that broadcast to them."""
    return (outputs - targets).square().sum(dim=(-1, -2)) / (2 * outputs.shape[-2])


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


class SampledTrials(TrialsInProgress):
    """Runs all trials from their start; a trial that diverges is recorded as NaN, and the others go on.

    Memory: some four arrays of T M b m numbers for each hidden layer, b being the batch. Everything has the dtype of
    the start, weights of every layer (T, outputs, inputs).
    """

    def _next_parameters(self) -> list[Tensor]:
        sampled, weights = self.simulation, self.parameters
        if sampled.averaged or sampled.samples == 1:
            combined = weights[0].new_full((len(weights[0]), sampled.samples), 1 / sampled.samples)
        else:
            combined = coefficients(self._normals("coefficients", sampled.samples))
        gradient = weighted_gradient(
            weights, self.train, sampled.activation, combined, self._masks(), self._batches(), self._perturbations()
        )
        return [layer.add(part, alpha=-sampled.learning_rate) for layer, part in zip(weights, gradient, strict=True)]

    def _losses_and_accuracies(self, sample: Sample) -> tuple[Tensor, Tensor]:
        def outputs(inputs: Tensor) -> Tensor:
            return outputs_of(self.parameters, inputs[None, None], self.activation)[:, 0].mT

        return measured(outputs, sample)

    def _two_layers(self) -> Parameters:
        return two_layers(self.parameters)

    def _masks(self) -> list[Tensor] | None:
        keep_prob = self.simulation.keep_prob
        if keep_prob == 1:
            return None
        uniform = [
            self._drawn(RandomStream.uniforms, f"masks/{index}", self.simulation.samples, layer.shape[1])
            for index, layer in enumerate(self.parameters[:-1])
        ]
        # float64, so that a unit is kept with a probability exact to that.
        return [(value < keep_prob).to(self.parameters[0].dtype) / keep_prob for value in uniform]

    def _batches(self) -> Tensor | None:
        size, examples = self.simulation.batch_size, len(self.train.inputs)
        if size is None:
            return None
        return (self._drawn(RandomStream.uniforms, "batches", self.simulation.samples, size) * examples).long()

    def _perturbations(self) -> list[Tensor] | None:
        deviation = self.simulation.parameter_noise
        if deviation == 0:
            return None
        return [
            deviation * self._normals(f"parameters/{index}", self.simulation.samples, *layer.shape[1:])
            for index, layer in enumerate(self.parameters)
        ]

    def _normals(self, variable: str, *shape: int) -> Tensor:
        return self._drawn(RandomStream.normals, variable, *shape, dtype=self.parameters[0].dtype)

    def _drawn(self, distribution: Callable[..., Tensor], variable: str, *shape: int, **options: Any) -> Tensor:
        """Numbers of every trial (T, ...), by seed and step, so that a simulation can go on from any step."""
        sampled, purpose = self.simulation, f"{self.simulation.purpose}/{variable}"
        streams = [RandomStream(seed, "equations", purpose) for seed in sampled.seeds]
        shape = (len(self.seeds) // len(sampled.seeds), *shape)
        return torch.cat([distribution(one, self.done, shape, device=self.device, **options) for one in streams])
