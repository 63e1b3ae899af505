"""Full-batch gradient descent with dropout, all seeds of a run at once (papers A and C; float32)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dropscape.dropout.masks import MaskSource
from dropscape.models.block import check_block
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.loop import refuse_divergence, trained_to_the_end
from dropscape.training.recording import Recording, Trained
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


def train(
    descent: Descent,
    train_inputs: Tensor,
    train_targets: Tensor,
    test_inputs: Tensor,
    test_targets: Tensor,
    *,
    start: Mapping[str, Tensor] | None = None,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> Trained:
    """Train every seed by ``descent.steps`` steps of gradient descent on R_S^drop (paper A section 3.3).

    Inputs are (n, d) float32 and targets, the labels, (n,) int64. The result is bit-identical however often the
    training was interrupted, on the same machine with the same number of threads.

    Args:
        start: ``{name: (S, ...)}``, parameters of every seed at the beginning; None initialises them.

    Raises:
        DivergenceError: a seed's loss left the finite numbers.
        ConfigurationError: the block names a parameter that the network does not have.
    """
    if start is None:
        start = initialised(descent.widths, descent.activation, descent.seeds)
    run = _Run(descent, start, train_inputs, train_targets, test_inputs, test_targets, device)
    return trained_to_the_end(run, descent.steps, checkpoint, progress)


class _Run:
    """The moving parts of a training: parameters, masks, what was recorded so far and the step."""

    def __init__(
        self,
        descent: Descent,
        start: Mapping[str, Tensor],
        train_inputs: Tensor,
        train_targets: Tensor,
        test_inputs: Tensor,
        test_targets: Tensor,
        device: str,
    ):
        self.descent = descent
        self.step = 0
        self.loss = math.nan
        self.parameters = {name: value.to(device, copy=True) for name, value in start.items()}
        check_block(descent.block, self.parameters)
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
        block_size = sum(self.parameters[name][0].numel() for name in descent.block)
        self.recording = Recording(descent, block_size)

    def _networks(self, inputs: Tensor, labels: Tensor) -> StackedNetworks:
        return StackedNetworks(self.parameters, self.descent.activation, inputs, labels)

    def advance(self) -> None:
        """One step of gradient descent."""
        descent = self.descent
        masks = self.masks.next() if descent.keep_prob < 1 else None
        weights, biases, loss = self.networks.gradients(masks, descent.keep_prob, descent.dropout_after)
        self._refuse_divergence(loss)
        self.objective = loss
        self.loss = float(loss.mean())
        self.networks.descend(descent.learning_rate, weights, biases)
        self.step += 1

    def _refuse_divergence(self, loss: Tensor) -> None:
        for seed, value in zip(self.descent.seeds, loss.tolist(), strict=True):
            refuse_divergence(seed, value, self.step, self.descent.learning_rate, self.descent.keep_prob)

    def record(self) -> None:
        """Keep what is wanted of the present step."""
        self.recording.record(self.step, lambda: self.parameters, self._block, self._measure)

    def _block(self) -> Tensor:
        return torch.cat([self.parameters[name].flatten(1) for name in self.descent.block], dim=1)

    def _measure(self) -> list[tuple[float, ...]]:
        (train_loss, train_accuracy), (test_loss, test_accuracy) = self.networks.evaluate(), self.test.evaluate()
        undefined = torch.full_like(train_loss, math.nan)
        objective = self.objective if self.step else undefined
        columns = (train_loss, objective, undefined, train_accuracy, test_loss, test_accuracy)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Everything that the rest of the training depends on."""
        tensors, rows = self.recording.state(self.step)
        tensors |= {f"parameters/{name}": value for name, value in self.parameters.items()}
        return tensors, {"step": self.step, "rows": rows, "masks": self.masks.state()}

    def restore(self, tensors: dict[str, Tensor], state: dict) -> None:
        """Go on from a ``state``."""
        for name, value in self.parameters.items():
            value.copy_(tensors[f"parameters/{name}"])
        self.recording.restore(tensors, state["rows"])
        self.step = state["step"]
        self.masks.load_state(state["masks"])

    def result(self) -> Trained:
        """What was trained; also the last update, which no further gradient saw, must have been finite."""
        self._refuse_divergence(self.networks.evaluate()[0])
        return self.recording.result(self.parameters)
