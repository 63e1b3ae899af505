"""The trials of a simulation in progress: their losses at some steps, and when each diverged."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from dropscape.dropout.masks import check_keep_prob
from dropscape.equations.activations import activation_called
from dropscape.equations.network import Parameters, Sample, forward, hessian_trace
from dropscape.numerics.replay import Replayed
from dropscape.training.loop import TrainingRun

COLUMNS = ["trial", "seed", "step", "norm", "loss", "test_loss", "test_accuracy"]


@dataclass(frozen=True)
class SimulationResult:
    """A finished simulation of T trials."""

    parameters: Sequence[Tensor]  # at the end, (T, ...) each; NaN for a trial that diverged
    # ``COLUMNS``, and trace where it is recorded; norm is |theta|, loss R_S without dropout. NaN from the step on at
    # which a trial had diverged, where a loss is too large for the dtype, in test columns without a test sample, and
    # where an accuracy is of one output.
    history: pd.DataFrame
    diverged: Tensor  # (T,) int64, the first step after which a trial's parameters were not finite; -1 for none


@dataclass(frozen=True)
class TrialsSettings:
    """What decides the trials of a simulation (with their start and their data), whatever its method.

    A name or a number that is none of these is a ConfigurationError.
    """

    activation: str  # a key of ``dropscape.equations.activations.ACTIVATIONS``; Theorem 1 does not cover relu
    learning_rate: float  # eta, also the unit of an equation's noise and the time that a step stands for
    steps: int
    history: tuple[int, ...]  # the steps at which losses are recorded
    seeds: tuple[int, ...]  # of the trials, each for an equal share of them in the order of the batch
    # Part of the random numbers' keys: same purpose, coupled simulations; another one, independent.
    purpose: str = "noise"
    keep_prob: float = 1.0  # p, one mask for all examples; 1 is without dropout
    record_trace: bool = False  # whether that of the Hessian of R_S stands in the history, of one hidden layer

    def __post_init__(self):
        check_keep_prob(self.keep_prob)
        activation_called(self.activation)


class TrialsInProgress(TrainingRun):
    """T trials that take their steps together; a subclass says how.

    They start at parameters (T, ...) each, which are left as they are. Without a test sample its columns are undefined.
    """

    def __init__(self, simulation: TrialsSettings, start: Sequence[Tensor], train: Sample, test: Sample | None):
        super().__init__(simulation.steps)
        trials, seeds = len(start[0]), simulation.seeds
        self.simulation, self.activation = simulation, activation_called(simulation.activation)
        self.parameters = [value.clone() for value in start]
        self.seeds = [seed for seed in seeds for _ in range(trials // len(seeds))]
        self.device = start[0].device
        # On the device, so that no step waits for a number to arrive here.
        self.done = torch.zeros((), dtype=torch.int64, device=self.device)
        self.diverged = torch.full((trials,), -1, device=self.device)
        self._take = Replayed(self._take_step, self.device)
        self.train, self.test = train, test
        self._recorded_steps = frozenset(simulation.history)

    @abstractmethod
    def _losses_and_accuracies(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """Return R_S without dropout and the accuracy on a sample, (T,) float64 each."""

    @abstractmethod
    def _two_layers(self) -> Parameters:
        """Return the parameters of networks with one hidden layer."""

    @abstractmethod
    def _next_parameters(self) -> Sequence[Tensor]:
        """Return the parameters after one more step."""

    def _advance(self) -> None:
        self._take()
        self.step += 1

    def _take_step(self) -> None:
        following = self._next_parameters()
        if self.device.type == "cpu":
            self.parameters = list(following)
        else:  # a step that is replayed finds them where it left them
            for value, new in zip(self.parameters, following, strict=True):
                value.copy_(new)
        self.done.add_(1)
        finite = sum(value.flatten(1).sum(dim=1) for value in self.parameters).isfinite()
        self.diverged.copy_(torch.where(finite | (self.diverged >= 0), self.diverged, self.done))

    def _set_diverged(self) -> None:
        """Set the parameters of trials that have diverged to NaN: the other trials go on."""
        lost = self.diverged >= 0
        for value in self.parameters:
            value.masked_fill_(lost.view(-1, *[1] * (value.ndim - 1)), math.nan)

    def _record(self) -> None:
        if self.step not in self._recorded_steps and self.step != self.steps:
            return
        self._set_diverged()
        if self.step not in self._recorded_steps:
            return
        loss, _ = self._losses_and_accuracies(self.train)
        undefined = torch.full_like(loss, math.nan)
        tested = self._losses_and_accuracies(self.test) if self.test else (undefined, undefined)
        norm = sum(value.double().square().flatten(1).sum(dim=1) for value in self.parameters).sqrt()
        traces = []
        if self.simulation.record_trace:
            traces.append(hessian_trace(forward(self._two_layers(), self.train, self.activation)))
        columns = [column.cpu() for column in (norm, loss, *tested, *traces)]
        going_on = self.diverged.cpu() < 0
        defined = [column.where(going_on & column.isfinite(), math.nan).tolist() for column in columns]
        for trial, (seed, *values) in enumerate(zip(self.seeds, *defined, strict=True)):
            self.rows.append([trial, seed, self.step, *values])

    def _live_tensors(self) -> dict[str, Tensor]:
        parameters = {f"parameters.{i}": value for i, value in enumerate(self.parameters)}
        return parameters | {"diverged": self.diverged, "done": self.done}

    def _result(self) -> SimulationResult:
        columns = [*COLUMNS, *["trace"] * self.simulation.record_trace]
        history = pd.DataFrame(self.rows, columns=columns).astype({"trial": int, "seed": int, "step": int})
        return SimulationResult(self.parameters, history, self.diverged.cpu())
