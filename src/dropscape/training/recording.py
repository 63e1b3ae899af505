"""What every backend is told of a training, and what it records and returns."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dropscape.training.loop import State, TrainingRun, refuse_divergence
from dropscape.training.optimizers import LearningRate

Labelled = tuple[Tensor, Tensor]  # inputs and targets
Start = Mapping[str, Tensor] | None  # ``{name: (S, ...)}``, the parameters of every seed; None initialises them
MEASURED = ("loss", "objective", "r1", "train_accuracy", "test_loss", "test_accuracy")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """What decides a training, together with its data; each backend adds fields."""

    block: tuple[str, ...]  # names of the parameters in the trajectory
    keep_prob: float | tuple[float, ...]  # of all dropout layers, or of each
    mask_mode: str  # ``per_example``, or ``shared`` by all examples of a step
    learning_rate: float | LearningRate
    steps: int
    trajectory_steps: int  # the last steps, which record the block
    recorded: tuple[int, ...]  # steps at which all parameters are recorded
    history: tuple[int, ...]  # steps at which losses and accuracies are measured
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class TrainingResult:
    """A finished training of S seeds.

    ``history`` has seed, step, loss (the risk R_S, without dropout, as every stage measures it), objective (what the
    last step descended; NaN before the first), r1 (paper B, eq. 4; NaN where it is not defined), train_accuracy,
    test_loss, test_accuracy (both NaN for a regression).
    """

    parameters: dict[str, Tensor]  # ``{name: (S, ...)}`` at the end point, with the buffers of a network that has any
    snapshots: dict[str, Tensor]  # ``{name: (S, K, ...)}`` at the K recorded steps
    trajectory: Tensor | None  # the block after each of the last N steps, (S, N, P); None where nothing was recorded
    history: pd.DataFrame


class RecordedRun(TrainingRun):
    """A training in progress that records snapshots, a trajectory and a history of every seed."""

    def __init__(self, config: TrainingConfig):
        super().__init__(config.steps)
        self.config = config
        self.objectives = [math.nan] * len(config.seeds)  # what the last step descended, seed by seed
        self._records: dict[str, list[Tensor]] = {}  # "trajectory" and "snapshots/<name>", one entry a step

    @abstractmethod
    def parameters(self) -> dict[str, Tensor]:
        """Return the parameters and buffers at the current step, ``{name: (S, ...)}``."""

    @abstractmethod
    def _measure(self) -> Sequence[Sequence[float]]:
        """Return a row of ``MEASURED`` for each seed."""

    def _block(self) -> Tensor:
        """Return the block's vectors, (S, P)."""
        parameters = self.parameters()
        return torch.cat([parameters[name].flatten(1) for name in self.config.block], dim=1)

    def _record(self) -> None:
        config = self.config
        if self.step in config.recorded:
            for name, value in self.parameters().items():
                self._records.setdefault(f"snapshots/{name}", []).append(value.detach().cpu().clone())
        if self.step > config.steps - config.trajectory_steps:
            self._records.setdefault("trajectory", []).append(self._block().detach().cpu())
        if self.step in config.history:
            measured = zip(config.seeds, self._measure(), strict=True)
            self.rows += [[seed, self.step, *row] for seed, row in measured]

    def _stacked_records(self) -> dict[str, Tensor]:
        return {name: torch.stack(values, dim=1) for name, values in self._records.items()}

    def _state(self) -> State:
        tensors, state = super()._state()
        return tensors | self._stacked_records(), state

    def _restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        super()._restore(tensors, state)
        records = {name: value for name, value in tensors.items() if name.startswith(("trajectory", "snapshots/"))}
        self._records = {name: list(value.unbind(dim=1)) for name, value in records.items()}

    def _refuse_divergence(self, losses: Sequence[float], steps: Sequence[int] | None = None) -> None:
        """Refuse losses, one for each seed, that are not finite after ``steps``, or after the current step."""
        config = self.config
        for seed, loss, step in zip(config.seeds, losses, steps or [self.step] * len(losses), strict=True):
            refuse_divergence(seed, loss, step, config.learning_rate, config.keep_prob)

    def _result(self) -> TrainingResult:
        # What no gradient has seen, in float32, where a loss that is too large is infinite.
        self._refuse_divergence(torch.tensor([row[0] for row in self._measure()], dtype=torch.float32).tolist())
        snapshots = self._stacked_records()
        trajectory = snapshots.pop("trajectory", None)
        history = pd.DataFrame(self.rows, columns=["seed", "step", *MEASURED])
        return TrainingResult(
            parameters={name: value.detach().cpu() for name, value in self.parameters().items()},
            snapshots={name.removeprefix("snapshots/"): value for name, value in snapshots.items()},
            trajectory=trajectory,
            history=history.astype({"seed": int, "step": int}),
        )
