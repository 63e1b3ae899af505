"""What a training keeps of its course, and what it gives in the end."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd
import torch
from torch import Tensor

MEASURED = ("loss", "objective", "r1", "train_accuracy", "test_loss", "test_accuracy")


@dataclass(frozen=True)
class Trained:
    """A finished training of S seeds.

    Attributes:
        parameters: ``{name: (S, ...)}`` at the end point, with the buffers of a network that has any.
        snapshots: ``{name: (S, K, ...)}`` at the K recorded steps.
        trajectory: the block after each of the last N steps, (S, N, P); None where nothing was recorded.
        history: seed, step, loss (the risk R_S, without dropout, as every stage measures it), objective (what the last
            step descended; NaN before the first), r1 (paper B, eq. 4; NaN where it is not defined), train_accuracy,
            test_loss, test_accuracy (both NaN for a regression).
    """

    parameters: dict[str, Tensor]
    snapshots: dict[str, Tensor]
    trajectory: Tensor | None
    history: pd.DataFrame


class Plan(Protocol):
    """When a training keeps what; ``trajectory_steps`` are the last of its ``steps``."""

    seeds: tuple[int, ...]
    steps: int
    trajectory_steps: int
    recorded: tuple[int, ...]
    history: tuple[int, ...]


class Recording:
    """Snapshots, trajectory and history of a training so far.

    Args:
        plan: of the training.
        block_size: P.
    """

    def __init__(self, plan: Plan, block_size: int):
        self._plan = plan
        self._snapshots: dict[str, list[Tensor]] = {}
        self._trajectory = torch.zeros(len(plan.seeds), plan.trajectory_steps, block_size)
        self._rows: list[list[float]] = []

    def record(
        self,
        step: int,
        tensors: Callable[[], dict[str, Tensor]],
        block: Callable[[], Tensor],
        measure: Callable[[], Sequence[Sequence[float]]],
    ) -> None:
        """Keep what the plan wants after ``step`` steps; nothing is computed that it does not want.

        Args:
            step: from 0 to ``plan.steps``.
            tensors: gives ``{name: (S, ...)}``.
            block: gives the block's vectors (S, P).
            measure: gives a row of ``MEASURED`` for each seed.
        """
        plan = self._plan
        if step in plan.recorded:
            for name, value in tensors().items():
                self._snapshots.setdefault(name, []).append(value.detach().cpu().clone())
        position = self._recorded_steps(step) - 1
        if position >= 0:
            self._trajectory[:, position] = block().detach().cpu()
        if step in plan.history:
            self._rows += [[seed, step, *row] for seed, row in zip(plan.seeds, measure(), strict=True)]

    def state(self, step: int) -> tuple[dict[str, Tensor], list]:
        """What was kept up to ``step``, for a checkpoint."""
        tensors = {f"snapshots/{name}": torch.stack(kept, dim=1) for name, kept in self._snapshots.items()}
        tensors["trajectory"] = self._trajectory[:, : max(0, self._recorded_steps(step))]
        # JSON has no NaN, so what is undefined, as the objective before the first step, travels as null.
        return tensors, [[None if math.isnan(value) else value for value in row] for row in self._rows]

    def restore(self, tensors: dict[str, Tensor], rows: list) -> None:
        """Go on from a ``state``."""
        self._snapshots = {
            name.removeprefix("snapshots/"): list(stored.unbind(dim=1))
            for name, stored in tensors.items()
            if name.startswith("snapshots/")
        }
        self._trajectory[:, : tensors["trajectory"].shape[1]] = tensors["trajectory"]
        self._rows = [[math.nan if value is None else value for value in row] for row in rows]

    def result(self, parameters: dict[str, Tensor]) -> Trained:
        """The finished training with its ``parameters`` at the end point."""
        table = pd.DataFrame(self._rows, columns=["seed", "step", *MEASURED])
        return Trained(
            parameters={name: value.detach().cpu() for name, value in parameters.items()},
            snapshots={name: torch.stack(kept, dim=1) for name, kept in self._snapshots.items()},
            trajectory=self._trajectory if self._plan.trajectory_steps else None,
            history=table.astype({"seed": int, "step": int}),
        )

    def _recorded_steps(self, step: int) -> int:
        """How many of the trajectory's steps are done; negative before them, 0 at the step where they begin."""
        return step - (self._plan.steps - self._plan.trajectory_steps)
