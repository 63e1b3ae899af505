"""The trials of a simulation in progress: their losses at some steps, and when each diverged."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd
import torch
from torch import Tensor

from dropscape.equations.activations import activation_called
from dropscape.equations.network import Sample
from dropscape.training.loop import TrainingRun

COLUMNS = ["trial", "seed", "step", "loss", "test_loss", "test_accuracy"]


@dataclass(frozen=True)
class SimulationResult:
    """A finished simulation of T trials.

    Attributes:
        parameters: at the end, (T, ...) each; NaN for a trial that diverged.
        history: trial, seed, step, loss (R_S, without dropout), test_loss and test_accuracy (NaN without a test
            sample, the accuracy also with one output); NaN from the step on at which a trial had diverged, and where
            a loss is too large for the dtype.
        diverged: (T,) int64, the first step after which a trial's parameters were not finite; -1 for none.
    """

    parameters: Sequence[Tensor]
    history: pd.DataFrame
    diverged: Tensor


class AnySimulation(Protocol):
    """What trials need to know of what decides their simulation."""

    activation: str
    steps: int
    history: tuple[int, ...]
    seeds: tuple[int, ...]


class TrialsInProgress(TrainingRun):
    """T trials that take their steps together; a subclass says how.

    They start at parameters (T, ...) each, which are left as they are. Without a test sample its columns are undefined.
    """

    def __init__(self, simulation: AnySimulation, start: Sequence[Tensor], train: Sample, test: Sample | None):
        super().__init__(simulation.steps)
        trials, seeds = len(start[0]), simulation.seeds
        self.simulation, self.activation = simulation, activation_called(simulation.activation)
        self.parameters = [value.clone() for value in start]
        self.seeds = [seed for seed in seeds for _ in range(trials // len(seeds))]
        self.diverged = torch.full((trials,), -1)
        self.train, self.test = train, test
        self._recorded_steps = frozenset(simulation.history)

    @abstractmethod
    def _losses_and_accuracies(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """Return R_S without dropout and the accuracy on a sample, (T,) float64 each."""

    @abstractmethod
    def _next_parameters(self) -> Sequence[Tensor]:
        """Return the parameters after one more step."""

    def _advance(self) -> None:
        self.parameters = list(self._next_parameters())
        self.step += 1
        sums = sum(value.flatten(1).sum(dim=1) for value in self.parameters)
        new = ~sums.isfinite().cpu() & (self.diverged < 0)
        if bool(new.any()):
            self.diverged[new] = self.step
            self._diverge(new)

    def _diverge(self, new: Tensor) -> None:
        """Set the parameters of trials that have just diverged, (T,) bool, to NaN: the other trials go on."""
        for value in self.parameters:
            value[new.to(value.device)] = math.nan

    def _record(self) -> None:
        if self.step not in self._recorded_steps:
            return
        loss, _ = self._losses_and_accuracies(self.train)
        undefined = torch.full_like(loss, math.nan)
        tested = self._losses_and_accuracies(self.test) if self.test else (undefined, undefined)
        columns = [column.cpu() for column in (loss, *tested)]
        defined = [column.where((self.diverged < 0) & column.isfinite(), math.nan).tolist() for column in columns]
        for trial, (seed, *values) in enumerate(zip(self.seeds, *defined, strict=True)):
            self.rows.append([trial, seed, self.step, *values])

    def _live_tensors(self) -> dict[str, Tensor]:
        return {**{f"parameters.{i}": value for i, value in enumerate(self.parameters)}, "diverged": self.diverged}

    def _result(self) -> SimulationResult:
        history = pd.DataFrame(self.rows, columns=COLUMNS).astype({"trial": int, "seed": int, "step": int})
        return SimulationResult(self.parameters, history, self.diverged)
