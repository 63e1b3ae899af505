"""The course of a simulation of many trials, and what is kept of them: losses at some steps, and when each diverged."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor

from dropscape.training.checkpoint import Checkpoint

COLUMNS = ["trial", "seed", "step", "loss", "test_loss", "test_accuracy"]


@dataclass(frozen=True)
class Simulated:
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


class Run(Protocol):
    """The moving parts of a simulation, at its beginning recorded already; ``step`` counts the steps done."""

    step: int

    def advance(self) -> None:
        """One step, then whatever is recorded after it."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the rest of the simulation depends on."""

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Go on from a ``state``."""

    def result(self) -> Simulated:
        """What was simulated."""


def simulated_to_the_end(
    run: Run, steps: int, checkpoint: Checkpoint | None, progress: Callable[..., None] | None
) -> Simulated:
    """The result after ``steps`` steps; interrupted and gone on with, it is the same bit by bit.

    Args:
        run: at its beginning.
        steps: in all.
        checkpoint: where its state is saved, and was where the run was interrupted.
        progress: called with (step, steps) after each step.
    """
    saved = checkpoint.load() if checkpoint else None
    if saved:
        run.restore(*saved)
    while run.step < steps:
        run.advance()
        if progress:
            progress(run.step, steps)
        if checkpoint and checkpoint.due():
            checkpoint.save(*run.state())
    if checkpoint:
        checkpoint.save(*run.state())
    return run.result()


class Record:
    """The record of T trials.

    Args:
        seeds: of every trial.
        history: the steps at which losses are recorded.

    Attributes:
        diverged: (T,) int64, the first step after which a trial's parameters were not finite; -1 for none.
    """

    def __init__(self, seeds: Sequence[int], history: Collection[int]):
        self.seeds, self.history = list(seeds), frozenset(history)
        self.diverged = torch.full((len(self.seeds),), -1)
        self._rows: list[list[float]] = []

    def watch(self, parameters: Sequence[Tensor], step: int) -> Tensor:
        """Note which trials' parameters, (T, ...) each, left the finite numbers at this step: (T,) bool on the CPU."""
        sums = sum(value.flatten(1).sum(dim=1) for value in parameters)
        new = ~sums.isfinite().cpu() & (self.diverged < 0)
        self.diverged[new] = step
        return new

    def add(self, step: int, *columns: Tensor) -> None:
        """Keep loss, test_loss and test_accuracy, (T,) float64 each; NaN where a trial had diverged."""
        kept = [
            column.cpu().where((self.diverged < 0) & column.cpu().isfinite(), math.nan).tolist() for column in columns
        ]
        for trial, (seed, *values) in enumerate(zip(self.seeds, *kept, strict=True)):
            self._rows.append([trial, seed, step, *values])

    def state(self) -> list[list[float | None]]:
        """The rows; JSON has no NaN, so undefined values travel as null."""
        return [[None if math.isnan(value) else value for value in row] for row in self._rows]

    def restore(self, diverged: Tensor, rows: list[list[float | None]]) -> None:
        """Go on from a ``state`` and the steps of divergence that belong to it."""
        self.diverged = diverged
        self._rows = [[math.nan if value is None else value for value in row] for row in rows]

    def table(self) -> pd.DataFrame:
        """All that was kept."""
        return pd.DataFrame(self._rows, columns=COLUMNS).astype({"trial": int, "seed": int, "step": int})
