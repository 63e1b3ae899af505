"""The stacked training backend: full-batch gradient descent with dropout on R_S^drop, all seeds of a run at once.

Float32; papers A (section 3.3) and C.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dropscape.dropout.masks import MaskSource
from dropscape.models.block import check_block
from dropscape.training.loop import State
from dropscape.training.recording import RecordedRun, TrainingConfig
from dropscape.training.stacked_networks import StackedNetworks, initialised


@dataclass(frozen=True, kw_only=True)
class StackedTraining(TrainingConfig):
    """The configuration of a stacked training, of a fully-connected network with one dropout layer."""

    widths: tuple[int, ...]
    activation: str
    dropout_after: int


class StackedRun(RecordedRun):
    """A stacked training in progress; inputs are (n, d) float32, targets the labels (n,) int64."""

    def __init__(
        self,
        config: StackedTraining,
        train: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
        start: Mapping[str, Tensor] | None,
        device: str,
    ):
        super().__init__(config)
        if start is None:
            start = initialised(config.widths, config.activation, config.seeds)
        self._parameters = {name: value.to(device, copy=True) for name, value in start.items()}
        check_block(config.block, self._parameters)
        self.networks, self.test = (
            StackedNetworks(self._parameters, config.activation, inputs.to(device), labels.to(device))
            for inputs, labels in (train, test)
        )
        shape = (len(config.seeds), config.widths[config.dropout_after], len(train[0]))
        self.masks = MaskSource(
            config.keep_prob, shape, config.seeds, "training", "masks", mask_mode=config.mask_mode, device=device
        )
        self.objectives = [math.nan] * len(config.seeds)

    def parameters(self) -> dict[str, Tensor]:
        """Return the parameters that the steps change in place."""
        return self._parameters

    def _advance(self) -> None:
        config = self.config
        masks = self.masks.next() if config.keep_prob < 1 else None
        weights, biases, losses = self.networks.gradients(masks, config.keep_prob, config.dropout_after)
        self.objectives = losses.tolist()
        self._refuse_divergence(self.objectives)
        self.loss = float(losses.mean())
        self.networks.descend(config.learning_rate, weights, biases)
        self.step += 1

    def _measure(self) -> list[tuple[float, ...]]:
        (train_loss, train_accuracy), (test_loss, test_accuracy) = self.networks.evaluate(), self.test.evaluate()
        undefined = torch.full_like(train_loss, math.nan)
        columns = [column.tolist() for column in (undefined, train_accuracy, test_loss, test_accuracy)]
        return list(zip(train_loss.tolist(), self.objectives, *columns, strict=True))

    def _final_losses(self) -> list[float]:
        return self.networks.evaluate()[0].tolist()

    def _live_tensors(self) -> dict[str, Tensor]:
        return {f"parameters/{name}": value for name, value in self._parameters.items()}

    def _state(self) -> State:
        tensors, state = super()._state()
        return tensors, state | {"masks": self.masks.state()}

    def _restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        super()._restore(tensors, state)
        self.masks.load_state(state["masks"])
