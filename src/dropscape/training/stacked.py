"""The stacked training backend: full-batch gradient descent with dropout on R_S^drop, all seeds of a run at once.

Float32; papers A (section 3.3) and C. Or descent on R_S with a noise of ``gradient_noise`` in dropout's place.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from dropscape.dropout.masks import LayerMasks
from dropscape.models.block import check_block
from dropscape.numerics.replay import Replayed
from dropscape.training.gradient_noise import GradientNoise
from dropscape.training.recording import Labelled, RecordedRun, Start, TrainingConfig
from dropscape.training.stacked_networks import StackedNetworks, initialised


@dataclass(frozen=True, kw_only=True)
class StackedTraining(TrainingConfig):
    """The configuration of a stacked training, of a fully-connected network with one dropout layer."""

    widths: tuple[int, ...]
    activation: str
    dropout_after: int
    noise: str | None = None  # kind of ``gradient_noise`` in a descent on R_S; None descends R_S^drop


class StackedRun(RecordedRun):
    """A stacked training in progress; inputs are (n, d) float32, targets the labels (n,) int64."""

    def __init__(self, config: StackedTraining, train: Labelled, test: Labelled, start: Start, device: str):
        super().__init__(config, device)
        if start is None:
            start = initialised(config.widths, config.activation, config.seeds)
        self._parameters = {name: value.to(device, copy=True) for name, value in start.items()}
        check_block(config.block, self._parameters)
        self.networks, self.test = (
            # Where there is noise, no pixel that is always zero may have any.
            StackedNetworks(self._parameters, config.activation, inputs.to(device), labels.to(device), leave_out_zeros)
            for (inputs, labels), leave_out_zeros in ((train, True if config.noise else None), (test, None))
        )
        shape = (len(config.seeds), config.widths[config.dropout_after], len(train[0]))
        self.masks, second = (
            LayerMasks(config.keep_prob, shape, config.seeds, "training", purpose, config.mask_mode, device)
            for purpose in ("masks", "second masks")
        )
        self.noise = None
        if config.noise:
            masks = (self.masks, second)
            self.noise = GradientNoise(config.noise, self.networks, masks, config.dropout_after, config.seeds)
        self._descend = Replayed(self._take_step, device)

    def parameters(self) -> dict[str, Tensor]:
        """Return the parameters that the steps change in place."""
        return self._parameters

    def _advance(self) -> None:
        self._descend()
        self.loss = self.register.objectives.mean()
        self.step += 1

    def _take_step(self) -> None:
        config = self.config
        if self.noise:
            weights, biases, losses = self.networks.gradients()
            for gradients, noises in zip((weights, biases), self.noise.drawn(self.register.done), strict=True):
                torch._foreach_add_(gradients, noises)
        else:
            masks = self.masks.mask(self.register.done) if config.keep_prob < 1 else None
            weights, biases, losses = self.networks.gradients(masks, config.keep_prob, config.dropout_after)
        self.networks.descend(config.learning_rate, weights, biases)
        self.register.add(losses)

    def _measure(self) -> list[tuple[float, ...]]:
        (train_loss, train_accuracy), (test_loss, test_accuracy) = self.networks.evaluate(), self.test.evaluate()
        undefined = torch.full_like(train_loss, math.nan)
        columns = [column.tolist() for column in (undefined, train_accuracy, test_loss, test_accuracy)]
        return list(zip(train_loss.tolist(), self.register.objectives.tolist(), *columns, strict=True))

    def _live_tensors(self) -> dict[str, Tensor]:
        return {f"parameters/{name}": value for name, value in self._parameters.items()}
