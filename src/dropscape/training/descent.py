"""Full-batch gradient descent with dropout, all seeds of a run at once (papers A and C; float32)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from dropscape.dropout.masks import MaskSource
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.stacked import StackedNetworks, initialised


@dataclass(frozen=True)
class Descent:
    """What decides a training (with the data and the seeds).

    ``trajectory_steps`` of the ``steps`` are recorded, the last ones; ``recorded`` are the steps at which all
    parameters are kept, ``history`` those at which losses and accuracies are.
    """

    widths: tuple[int, ...]
    activation: str
    block: tuple[str, ...]
    keep_prob: float
    dropout_after: int
    mask_mode: str
    learning_rate: float
    steps: int
    trajectory_steps: int
    recorded: tuple[int, ...]
    history: tuple[int, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Trained:
    """A finished training of S seeds.

    Attributes:
        parameters: ``{name: (S, ...)}`` at the end point.
        snapshots: ``{name: (S, K, ...)}`` at the K recorded steps.
        trajectory: the block after each of the last N steps, (S, N, P); None where nothing was recorded.
        history: seed, step, loss (without dropout), dropout_loss, train_accuracy, test_accuracy.
    """

    parameters: dict[str, Tensor]
    snapshots: dict[str, Tensor]
    trajectory: Tensor | None
    history: pd.DataFrame


def train(
    descent: Descent,
    train_inputs: Tensor,
    train_targets: Tensor,
    test_inputs: Tensor,
    test_targets: Tensor,
    *,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> Trained:
    """Train every seed by ``descent.steps`` steps of gradient descent on R_S^drop (paper A section 3.3).

    Inputs are (n, d) float32 and targets, the labels, (n,) int64. The result is bit-identical however often the
    training was interrupted, on the same machine with the same number of threads.

    Raises:
        DivergenceError: a seed's loss left the finite numbers.
        ConfigurationError: the block names a parameter that the network does not have.
    """
    run = _Run(descent, train_inputs, train_targets, test_inputs, test_targets, device)
    saved = checkpoint.load() if checkpoint else None
    if saved:
        run.restore(*saved)
    while run.step < descent.steps:
        run.advance()
        if progress:
            progress(run.step, descent.steps, loss=run.loss)
        if checkpoint and checkpoint.due():
            checkpoint.save(*run.state())
    if checkpoint:
        checkpoint.save(*run.state())
    return run.result()


class _Run:
    """The moving parts of a training: parameters, masks, what was recorded so far and the step."""

    def __init__(
        self,
        descent: Descent,
        train_inputs: Tensor,
        train_targets: Tensor,
        test_inputs: Tensor,
        test_targets: Tensor,
        device: str,
    ):
        self.descent = descent
        self.step = 0
        self.loss = math.nan
        self.rows: list[list[float]] = []
        start = initialised(descent.widths, descent.activation, descent.seeds)
        self.parameters = {name: value.to(device) for name, value in start.items()}
        for name in descent.block:
            if name not in self.parameters:
                raise ConfigurationError(
                    f"block names the parameter '{name}', which the model does not have; "
                    f"write one of: {', '.join(self.parameters)}."
                )
        self.networks = self._networks(train_inputs.to(device), train_targets.to(device))
        self.test = self._networks(test_inputs.to(device), test_targets.to(device))
        self.masks = MaskSource(
            descent.keep_prob,
            (len(descent.seeds), descent.widths[descent.dropout_after], train_inputs.shape[0]),
            list(descent.seeds),
            "training",
            "masks",
            mask_mode=descent.mask_mode,
            device=device,
        )
        self.snapshots: dict[str, list[Tensor]] = {name: [] for name in self.parameters}
        width = sum(self.parameters[name][0].numel() for name in descent.block)
        self.trajectory = torch.zeros(len(descent.seeds), descent.trajectory_steps, width)
        self._record()

    def _networks(self, inputs: Tensor, labels: Tensor) -> StackedNetworks:
        return StackedNetworks(self.parameters, self.descent.activation, inputs, labels)

    def advance(self) -> None:
        """One step of gradient descent, then whatever is recorded after it."""
        descent = self.descent
        masks = self.masks.next() if descent.keep_prob < 1 else None
        weights, biases, loss = self.networks.gradients(masks, descent.keep_prob, descent.dropout_after)
        self._refuse_divergence(loss)
        self.dropout_loss = loss
        self.loss = float(loss.mean())
        self.networks.descend(descent.learning_rate, weights, biases)
        self.step += 1
        self._record()

    def _refuse_divergence(self, loss: Tensor) -> None:
        for seed, value in zip(self.descent.seeds, loss.tolist(), strict=True):
            if not math.isfinite(value):
                raise DivergenceError(
                    f"The training of seed {seed} diverged: its loss is {value} at step {self.step} with "
                    f"learning_rate {self.descent.learning_rate} and keep_prob {self.descent.keep_prob}. Write a "
                    "smaller learning_rate for this run; the other runs are not affected."
                )

    def _record(self) -> None:
        descent = self.descent
        if self.step in descent.recorded:
            for name, value in self.parameters.items():
                self.snapshots[name].append(value.detach().cpu().clone())
        position = self.step - 1 - (descent.steps - descent.trajectory_steps)
        if position >= 0:
            block = [self.parameters[name].flatten(1) for name in descent.block]
            self.trajectory[:, position] = torch.cat(block, dim=1).cpu()
        if self.step in descent.history:
            (train_loss, train_accuracy), (_, test_accuracy) = self.networks.evaluate(), self.test.evaluate()
            dropout_loss = self.dropout_loss.tolist() if self.step else [math.nan] * len(descent.seeds)
            for index, seed in enumerate(descent.seeds):
                self.rows.append(
                    [seed, self.step, float(train_loss[index]), dropout_loss[index],
                     float(train_accuracy[index]), float(test_accuracy[index])]
                )  # fmt: skip

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Everything that the rest of the training depends on."""
        recorded = max(0, self.step - (self.descent.steps - self.descent.trajectory_steps))
        tensors = {f"parameters/{name}": value for name, value in self.parameters.items()}
        tensors |= {f"snapshots/{name}": torch.stack(kept, dim=1) for name, kept in self.snapshots.items() if kept}
        tensors["trajectory"] = self.trajectory[:, :recorded]
        # JSON has no NaN, so the undefined dropout loss before the first step travels as null.
        rows = [[None if math.isnan(value) else value for value in row] for row in self.rows]
        return tensors, {"step": self.step, "rows": rows, "masks": self.masks.state()}

    def restore(self, tensors: dict[str, Tensor], state: dict) -> None:
        """Go on from a ``state``."""
        for name, value in self.parameters.items():
            value.copy_(tensors[f"parameters/{name}"])
            stored = tensors.get(f"snapshots/{name}")
            self.snapshots[name] = [] if stored is None else list(stored.unbind(dim=1))
        self.trajectory[:, : tensors["trajectory"].shape[1]] = tensors["trajectory"]
        self.step = state["step"]
        self.rows = [[math.nan if value is None else value for value in row] for row in state["rows"]]
        self.masks.load_state(state["masks"])

    def result(self) -> Trained:
        """What was trained; also the last update, which no further gradient saw, must have been finite."""
        self._refuse_divergence(self.networks.evaluate()[0])
        columns = ["seed", "step", "loss", "dropout_loss", "train_accuracy", "test_accuracy"]
        return Trained(
            parameters={name: value.cpu() for name, value in self.parameters.items()},
            snapshots={name: torch.stack(kept, dim=1) for name, kept in self.snapshots.items()},
            trajectory=self.trajectory if self.descent.trajectory_steps else None,
            history=pd.DataFrame(self.rows, columns=columns).astype({"seed": int, "step": int}),
        )
