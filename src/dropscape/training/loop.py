"""The course of every training: resume from a checkpoint, step, record, save and give the result."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.jobs import Job
from dropscape.numerics.devices import arithmetic
from dropscape.numerics.progress import Progress
from dropscape.numerics.split_mix import DRAWS
from dropscape.training.checkpoint import Checkpoint, Checkpoints
from dropscape.training.optimizers import LearningRate

State = tuple[dict[str, Tensor], dict[str, Any]]  # what a checkpoint holds: tensors, and what JSON can hold


def refuse_divergence(
    seed: int, loss: float, step: int, learning_rate: float | LearningRate, keep_prob: float | Sequence[float]
) -> None:
    """Raise a ``DivergenceError`` where the loss after ``step`` steps is no longer finite."""
    if not math.isfinite(loss):
        raise DivergenceError(
            f"The training of seed {seed} diverged: its loss is {loss} at step {step} with learning_rate "
            f"{learning_rate:g} and keep_prob {keep_prob}. Write a smaller learning_rate for this run; the other runs "
            "are not affected."
        )


class TrainingRun(ABC):
    """A training in progress. Interrupted and resumed, it ends with the same bits."""

    precision = "float32"  # of matrix products, a name of ``numerics.devices``

    def __init__(self, steps: int):
        if steps > DRAWS:
            raise ConfigurationError(f"a training of {steps:,} steps has masks for {DRAWS:,}; take fewer steps.")
        self.steps = steps
        self.step = 0  # how many are done
        self.loss: float | Tensor = math.nan  # what the last step descended, the mean over all networks
        self.rows: list[list[float]] = []  # what was measured so far

    def finish(self, checkpoint: Checkpoint | None = None, progress: Callable[..., None] | None = None) -> Any:
        """Take all remaining steps and return the result.

        The training resumes from ``checkpoint`` and saves its state there now and then; ``progress`` is called with
        (done, steps, loss=...) whenever steps were taken. A loss that is no longer finite is a DivergenceError.
        """
        with arithmetic(self.precision):
            saved = checkpoint.load() if checkpoint else None
            if saved:
                self._restore(*saved)
            else:
                self._record()
            while self.step < self.steps:
                self._advance()
                self._record()
                if progress:
                    progress(self.step, self.steps, loss=self.loss)
                if checkpoint and checkpoint.due():
                    checkpoint.save(*self._state())
            if checkpoint:
                checkpoint.save(*self._state())
            return self._result()

    @abstractmethod
    def _advance(self) -> None:
        """Take one step or more, up to the next one that is recorded."""

    @abstractmethod
    def _record(self) -> None:
        """Measure and store what is wanted of the current step."""

    @abstractmethod
    def _result(self) -> Any:
        """Return what ``finish`` returns."""

    @abstractmethod
    def _live_tensors(self) -> dict[str, Tensor]:
        """Return the tensors that steps depend on and change in place."""

    def _state(self) -> State:
        """Return everything that the remaining steps depend on."""
        return self._live_tensors(), {"step": self.step, "rows": self.rows}

    @torch.no_grad()
    def _restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        self.step, self.rows = state["step"], state["rows"]
        for name, value in self._live_tensors().items():
            value.copy_(tensors[name])  # in place, since in another memory order sums may be rounded differently


def finish_in_turn(
    job: Job, configs: Sequence[Any], start: Callable[[Any], TrainingRun], description: Any, device: str
) -> list[Any]:
    """Finish one training of a job after another; return their results.

    ``start`` makes the run of a configuration; ``description`` is that of the data.
    """
    checkpoints = Checkpoints(job, description, device)
    progress = Progress(f"{job.rule.partition('_')[0]} {job.name}", sum(config.steps for config in configs))
    results, done = [], 0
    for number, config in enumerate(configs):
        results.append(start(config).finish(checkpoints.named(number, len(configs)), progress.chunk(done)))
        done += config.steps
    return results
