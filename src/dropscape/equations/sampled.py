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
from dropscape.equations.record import Record, Simulated, simulated_to_the_end
from dropscape.numerics.seeds import torch_generator
from dropscape.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class Sampled:
    """What decides a simulation (with its start and its data).

    Attributes:
        activation: a key of ``dropscape.equations.activations.ACTIVATIONS``.
        learning_rate: eta.
        steps: of length eta.
        history: the steps at which losses are recorded.
        seeds: of the trials, each for an equal share of them in the order of the batch.
        purpose: part of the random numbers' keys.
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
    sampled: Sampled,
    start: Sequence[Tensor],
    train: Sample,
    test: Sample,
    *,
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> Simulated:
    """Run all trials from their start; a trial that diverges is recorded as NaN, and the others go on.

    Memory: some four arrays of T M b m numbers for each hidden layer, b being the batch.

    Args:
        sampled: what to do.
        start: weights of every layer (T, outputs, inputs), left as they are; everything has their dtype.
        train: the sample of R_S.
        test: of the test columns.
        checkpoint: where to keep the state.
        progress: called with (step, steps).
    """
    return simulated_to_the_end(_Run(sampled, start, train, test), sampled.steps, checkpoint, progress)


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
    moves: Sequence[Tensor] | None = None,
) -> list[Tensor]:
    """``sum_i c_i g_i`` of every trial, shaped as the weights.

    Args:
        weights: of every layer (T, outputs, inputs).
        train: the sample of R_S.
        activation: of the hidden layers.
        coefficients: c, (T, M).
        masks: of every hidden layer (T, M, m); None without dropout.
        batches: indices of examples (T, M, b); None takes all.
        moves: what is added to every layer's weights before the gradient is taken, (T, M, outputs, inputs) each.
    """
    leaves = [layer.detach().requires_grad_() for layer in weights]
    moved = leaves if moves is None else [leaf[:, None] + move for leaf, move in zip(leaves, moves, strict=True)]
    inputs, targets = train.inputs[None, None], train.targets[None, None]
    if batches is not None:
        inputs, targets = train.inputs[batches], train.targets[batches]
    losses = risks(outputs_of(moved, inputs, activation_called(activation), masks), targets)
    return list(torch.autograd.grad((coefficients * losses).sum(), leaves))


class _Run:
    """The moving parts of a simulation: weights, step, what was recorded."""

    def __init__(self, sampled: Sampled, start: Sequence[Tensor], train: Sample, test: Sample):
        self.sampled, self.train, self.test = sampled, train, test
        self.weights = list(start)
        self.each = len(start[0]) // len(sampled.seeds)
        self.record = Record([seed for seed in sampled.seeds for _ in range(self.each)], sampled.history)
        self.step = 0
        self._record()

    def advance(self) -> None:
        """One step, then whatever is recorded after it."""
        sampled = self.sampled
        if sampled.samples > 1:
            combined = coefficients(self._normals("coefficients", sampled.samples))
        else:
            combined = torch.ones_like(self.weights[0][:, :1, 0])
        gradient = weighted_gradient(
            self.weights, self.train, sampled.activation, combined, self._masks(), self._batches(), self._moves()
        )
        self.weights = [
            layer.add(part, alpha=-sampled.learning_rate) for layer, part in zip(self.weights, gradient, strict=True)
        ]
        self.step += 1
        new = self.record.watch(self.weights, self.step)
        for layer in self.weights:
            layer[new.to(layer.device)] = math.nan
        self._record()

    def _masks(self) -> list[Tensor] | None:
        keep_prob = self.sampled.keep_prob
        if keep_prob == 1:
            return None
        uniform = [
            self._drawn(torch.rand, f"masks/{index}", self.sampled.samples, layer.shape[1])
            for index, layer in enumerate(self.weights[:-1])
        ]
        # float64, so that a unit is kept with a probability exact to that.
        return [(value < keep_prob).to(self.weights[0].dtype) / keep_prob for value in uniform]

    def _batches(self) -> Tensor | None:
        size, examples = self.sampled.batch_size, len(self.train.inputs)
        if size is None:
            return None
        return (self._drawn(torch.rand, "batches", self.sampled.samples, size) * examples).long()

    def _moves(self) -> list[Tensor] | None:
        deviation = self.sampled.parameter_noise
        if deviation == 0:
            return None
        return [
            deviation * self._normals(f"parameters/{index}", self.sampled.samples, *layer.shape[1:])
            for index, layer in enumerate(self.weights)
        ]

    def _normals(self, variable: str, *shape: int) -> Tensor:
        return self._drawn(torch.randn, variable, *shape).to(self.weights[0].dtype)

    def _drawn(self, distribution: Callable[..., Tensor], variable: str, *shape: int) -> Tensor:
        """Numbers of every trial (T, ...), float64, by seed and step, so that a simulation can go on from any step."""
        sampled, device = self.sampled, self.weights[0].device
        purpose = f"{sampled.purpose}/{variable}/{self.step}"
        generators = [torch_generator(seed, "equations", purpose) for seed in sampled.seeds]
        parts = [distribution(self.each, *shape, generator=one, dtype=torch.float64) for one in generators]
        return torch.cat(parts).to(device)

    def _record(self) -> None:
        if self.step in self.record.history:
            activation = activation_called(self.sampled.activation)
            loss, _ = losses_and_accuracies(self.weights, self.train, activation)
            self.record.add(self.step, loss, *losses_and_accuracies(self.weights, self.test, activation))

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Everything that the rest of the simulation depends on."""
        tensors = {f"layers.{index}": layer for index, layer in enumerate(self.weights)}
        return tensors | {"diverged": self.record.diverged}, {"step": self.step, "rows": self.record.state()}

    def restore(self, tensors: dict[str, Tensor], state: dict) -> None:
        """Go on from a ``state``."""
        # Copied, because the order of a sum depends on where in memory its numbers begin, and a file's begin anywhere.
        self.weights = [
            tensors[f"layers.{index}"].to(layer.device, copy=True) for index, layer in enumerate(self.weights)
        ]
        self.record.restore(tensors["diverged"], state["rows"])
        self.step = state["step"]

    def result(self) -> Simulated:
        """What was simulated."""
        return Simulated(self.weights, self.record.table(), self.record.diverged)
