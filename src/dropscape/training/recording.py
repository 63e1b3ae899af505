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
    trained: dict[str, Tensor]  # the same as ``parameters`` before the steps of the trajectory
    trajectory: Tensor | None  # the block after each of the last N steps, (S, N, P); None where nothing was recorded
    objectives: Tensor | None  # what each of these steps descended, (S, N) float64
    history: pd.DataFrame


class StepRegister:
    """What the steps of S seeds leave on the device, so that none of them waits for a number to arrive here."""

    def __init__(self, seeds: int, device: str):
        self.done = torch.zeros((), dtype=torch.int64, device=device)  # steps, also the number of the next one's masks
        self.objectives = torch.full((seeds,), math.nan, dtype=torch.float64, device=device)  # of the last step
        self.lost_at = torch.full((seeds,), -1, device=device)  # first step whose objective was not finite, else -1
        self.lost = torch.zeros_like(self.objectives)  # and that objective

    def add(self, objectives: Tensor) -> None:
        """Take down what a step descended, (S,), float64."""
        new = (self.lost_at < 0) & ~objectives.isfinite()
        self.lost_at.copy_(torch.where(new, self.done, self.lost_at))
        self.lost.copy_(torch.where(new, objectives, self.lost))
        self.objectives.copy_(objectives)
        self.done.add_(1)


class RecordedRun(TrainingRun):
    """A training in progress that records snapshots, a trajectory and a history of every seed.

    A GPU is asked for numbers only where something is measured, recorded or saved.
    """

    def __init__(self, config: TrainingConfig, device: str = "cpu"):
        super().__init__(config.steps)
        self.config = config
        self.register = StepRegister(len(config.seeds), device)
        self._snapshots: dict[str, list[Tensor]] = {}
        self._trajectory: Tensor | None = None  # (S, N, P) on the device
        self._objectives: Tensor | None = None  # (S, N) on the device
        self._trained: dict[str, Tensor] = {}
        self._rests = {*config.recorded, *config.history, config.steps}  # where numbers are asked for

    @abstractmethod
    def parameters(self) -> dict[str, Tensor]:
        """Return the parameters and buffers at the current step, ``{name: (S, ...)}``."""

    @property
    def _before_trajectory(self) -> int:
        """The step at which the training itself ends."""
        return self.config.steps - self.config.trajectory_steps

    def _last_objectives(self) -> Tensor:
        """Return what the last step descended, (S,) float64."""
        return self.register.objectives

    @abstractmethod
    def _measure(self) -> Sequence[Sequence[float]]:
        """Return a row of ``MEASURED`` for each seed."""

    def _block(self) -> Tensor:
        """Return the block's vectors, (S, P)."""
        parameters = self.parameters()
        return torch.cat([parameters[name].flatten(1) for name in self.config.block], dim=1)

    def _record(self) -> None:
        config = self.config
        if self.step in self._rests or self.register.done.device.type == "cpu":
            self._refuse_lost()
        if self.step in config.recorded:
            for name, value in self.parameters().items():
                self._snapshots.setdefault(name, []).append(value.detach().cpu().clone())
        if self.step == self._before_trajectory:
            self._trained = {name: value.detach().cpu().clone() for name, value in self.parameters().items()}
        if self.step > self._before_trajectory:
            block, objectives = self._block().detach(), self._last_objectives()
            if self._trajectory is None:
                self._trajectory = block.new_empty(len(block), config.trajectory_steps, block.shape[1])
                self._objectives = objectives.new_empty(len(block), config.trajectory_steps)
            self._trajectory[:, self.step - self._before_trajectory - 1] = block
            self._objectives[:, self.step - self._before_trajectory - 1] = objectives
        if self.step in config.history:
            measured = zip(config.seeds, self._measure(), strict=True)
            self.rows += [[seed, self.step, *row] for seed, row in measured]

    def _state(self) -> State:
        self._refuse_lost()
        tensors, state = super()._state()
        tensors |= {f"snapshots/{name}": torch.stack(values, dim=1) for name, values in self._snapshots.items()}
        tensors |= {f"trained/{name}": value for name, value in self._trained.items()}
        if self._trajectory is not None:
            done = self.step - self._before_trajectory
            tensors["trajectory"] = self._trajectory[:, :done].contiguous()
            tensors["objectives"] = self._objectives[:, :done].contiguous()
        return tensors, state

    def _restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        super()._restore(tensors, state)
        self.register.done.fill_(self.step)  # the objectives are those of the next step's
        self._snapshots = {name: list(value.unbind(1)) for name, value in _under("snapshots/", tensors).items()}
        self._trained = _under("trained/", tensors)
        if "trajectory" in tensors:
            self._trajectory, self._objectives = (
                self._with_room(tensors[name].to(self.register.done.device)) for name in ("trajectory", "objectives")
            )

    def _with_room(self, done: Tensor) -> Tensor:
        """Values of the first steps of the trajectory, with room for those of the others."""
        whole = done.new_empty(len(done), self.config.trajectory_steps, *done.shape[2:])
        whole[:, : done.shape[1]] = done
        return whole

    def _refuse_lost(self) -> None:
        """Refuse a training whose objective left the finite numbers in any step so far."""
        steps = self.register.lost_at.tolist()
        if max(steps) >= 0:
            self._refuse(self.register.lost.tolist(), steps)

    def _refuse(self, losses: Sequence[float], steps: Sequence[int]) -> None:
        """Refuse losses, one for each seed, that are not finite after ``steps``."""
        config = self.config
        for seed, loss, step in zip(config.seeds, losses, steps, strict=True):
            refuse_divergence(seed, loss, step, config.learning_rate, config.keep_prob)

    def _result(self) -> TrainingResult:
        # What no gradient has seen, in float32, where a loss that is too large is infinite.
        losses = torch.tensor([row[0] for row in self._measure()], dtype=torch.float32)
        self._refuse(losses.tolist(), [self.step] * len(losses))
        history = pd.DataFrame(self.rows, columns=["seed", "step", *MEASURED])
        return TrainingResult(
            parameters={name: value.detach().cpu() for name, value in self.parameters().items()},
            snapshots={name: torch.stack(values, dim=1) for name, values in self._snapshots.items()},
            trained=self._trained,
            trajectory=None if self._trajectory is None else self._trajectory.cpu(),
            objectives=None if self._objectives is None else self._objectives.cpu(),
            history=history.astype({"seed": int, "step": int}),
        )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names have the prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
