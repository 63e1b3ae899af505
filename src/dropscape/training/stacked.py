"""The stacked training backend: full-batch gradient descent with dropout on R_S^drop, all seeds of a run at once.

Float32; papers A (section 3.3) and C. Everything is units-major, (units, examples): the first layer of S networks is
then a single matrix product of height S m_1, and a softmax runs along the slow axis. Pixels that are zero in every
example are left out of the first product; their weights have gradient exactly zero, so nothing changes but the cost.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dropscape.dropout.masks import LayerMasks
from dropscape.models import registry
from dropscape.models.block import check_block
from dropscape.models.fnn import ACTIVATIONS, check_activation
from dropscape.models.losses import one_hot
from dropscape.numerics.devices import Budget
from dropscape.numerics.products import add_product, product
from dropscape.numerics.replay import Replayed
from dropscape.training.recording import Labelled, RecordedRun, Start, TrainingConfig

CHUNK = Budget(2000, 2**20)  # examples at a time


@dataclass(frozen=True, kw_only=True)
class StackedTraining(TrainingConfig):
    """The configuration of a stacked training, of a fully-connected network with one dropout layer."""

    widths: tuple[int, ...]
    activation: str
    dropout_after: int


def initialised(widths: Sequence[int], activation: str, seeds: Sequence[int], **options: Any) -> dict[str, Tensor]:
    """Draw every seed's parameters as ``models.registry.initialised`` does, stacked: ``{name: (S, ...)}`` in float32.

    ``options`` are other settings of a fully-connected network, ``initial_scale`` and ``output_bias``.
    """
    settings = {"name": "fnn", "widths": widths, "activation": activation, **options}
    networks = [registry.initialised(settings, seed).state_dict() for seed in seeds]
    return {name: torch.stack([network[name] for network in networks]) for name in networks[0]}


class StackedNetworks:
    """S fully-connected networks on inputs (n, d) float32 with labels (n,) int64.

    ``parameters`` are as ``initialised`` draws them; ``descend`` updates them in place.
    """

    def __init__(self, parameters: dict[str, Tensor], activation: str, inputs: Tensor, labels: Tensor):
        check_activation(activation)
        self.activation = activation
        self.depth = len(parameters) // 2
        self.weights = [parameters[f"layers.{index}.weight"] for index in range(self.depth)]
        self.biases = [parameters[f"layers.{index}.bias"].unsqueeze(-1) for index in range(self.depth)]
        self.seeds = self.weights[0].shape[0]
        self.examples = inputs.shape[0]
        # A GPU multiplies zeros faster than it leaves them out.
        on_cpu = inputs.device.type == "cpu"
        self._seen = inputs.ne(0).any(dim=0).nonzero().squeeze(-1) if on_cpu else slice(None)
        columns, is_class = inputs[:, self._seen].T, one_hot(labels, self.weights[-1].shape[1]).T
        self._chunks = []
        for start in range(0, self.examples, CHUNK.on(inputs.device)):
            chunk = slice(start, start + CHUNK.on(inputs.device))
            self._chunks.append((chunk, columns[:, chunk].contiguous(), is_class[:, chunk].contiguous()))

    def gradients(
        self, masks: Tensor | None = None, keep_prob: float = 1.0, dropout_after: int = 1
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Compute full-batch gradients of R_S^drop under the given masks (paper A section 3.3), or of R_S without.

        Masks are of hidden layer l = ``dropout_after``, bool (S, m_l, n), or (S, m_l, 1) if shared; what they keep is
        divided by ``keep_prob``. Returns gradients of the weights (S, m_l, m_{l-1}) (the first layer's restricted to
        the pixels that occur) and of the biases (S, m_l, 1), and the loss (S,) float64, the mean over the examples.
        """
        seen_weight = self._seen_weight()
        weights = [torch.zeros_like(weight) for weight in (seen_weight, *self.weights[1:])]
        biases = [torch.zeros_like(bias) for bias in self.biases]
        loss = torch.zeros(self.seeds, dtype=torch.float64, device=seen_weight.device)
        for chunk, inputs, is_class in self._chunks:
            hidden, slopes = [], []
            z = self._first_layer(seen_weight, inputs)
            for index in range(1, self.depth):
                activated, slope = _activate(z, self.activation)
                if masks is not None and index == dropout_after:
                    chosen = masks if masks.shape[-1] == 1 else masks[:, :, chunk]
                    scale = chosen.to(z.dtype).mul_(1.0 / keep_prob)
                    activated.mul_(scale)
                    slope.mul_(scale)
                hidden.append(activated)
                slopes.append(slope)
                z = torch.baddbmm(self.biases[index], self.weights[index], activated)
            log_probabilities = z.log_softmax(dim=1)
            loss -= log_probabilities.where(is_class, 0).sum(dim=1).sum(dim=1, dtype=torch.float64)
            error = log_probabilities.exp_().sub_(is_class.to(z.dtype))
            for index in reversed(range(1, self.depth)):
                weights[index].baddbmm_(error, hidden[index - 1].transpose(1, 2))
                biases[index].add_(error.sum(dim=2, keepdim=True))
                error = torch.bmm(self.weights[index].transpose(1, 2), error).mul_(slopes[index - 1])
            add_product(weights[0].flatten(0, 1), error.reshape(-1, inputs.shape[1]), inputs.T)
            biases[0].add_(error.sum(dim=2, keepdim=True))
        for gradient in (*weights, *biases):
            gradient.div_(self.examples)
        return weights, biases, loss / self.examples

    def descend(self, learning_rate: float, weights: list[Tensor], biases: list[Tensor]) -> None:
        """Take a step of gradient descent with gradients that ``gradients`` returned."""
        if isinstance(self._seen, Tensor):
            self.weights[0].index_add_(2, self._seen, weights[0], alpha=-learning_rate)
        else:
            self.weights[0].sub_(weights[0], alpha=learning_rate)
        for weight, gradient in zip(self.weights[1:], weights[1:], strict=True):
            weight.sub_(gradient, alpha=learning_rate)
        for bias, gradient in zip(self.biases, biases, strict=True):
            bias.sub_(gradient, alpha=learning_rate)

    def evaluate(self) -> tuple[Tensor, Tensor]:
        """Compute the loss without dropout and the accuracy, (S,) float64 each."""
        seen_weight = self._seen_weight()
        loss = torch.zeros(self.seeds, dtype=torch.float64, device=seen_weight.device)
        correct = torch.zeros_like(loss)
        for _, inputs, is_class in self._chunks:
            z = self._first_layer(seen_weight, inputs)
            for index in range(1, self.depth):
                z = torch.baddbmm(self.biases[index], self.weights[index], ACTIVATIONS[self.activation](z))
            losses = z.logsumexp(dim=1) - z.where(is_class, 0).sum(dim=1)
            loss += losses.sum(dim=1, dtype=torch.float64)
            correct += (z.argmax(dim=1) == is_class.int().argmax(dim=0)).sum(dim=1)
        return loss / self.examples, correct / self.examples

    def _seen_weight(self) -> Tensor:
        return self.weights[0][:, :, self._seen].contiguous()

    def _first_layer(self, seen_weight: Tensor, inputs: Tensor) -> Tensor:
        z = product(seen_weight.flatten(0, 1), inputs)
        return z.view(self.seeds, -1, inputs.shape[1]).add_(self.biases[0])


class StackedRun(RecordedRun):
    """A stacked training in progress; inputs are (n, d) float32, targets the labels (n,) int64."""

    def __init__(self, config: StackedTraining, train: Labelled, test: Labelled, start: Start, device: str):
        super().__init__(config, device)
        if start is None:
            start = initialised(config.widths, config.activation, config.seeds)
        self._parameters = {name: value.to(device, copy=True) for name, value in start.items()}
        check_block(config.block, self._parameters)
        self.networks, self.test = (
            StackedNetworks(self._parameters, config.activation, inputs.to(device), labels.to(device))
            for inputs, labels in (train, test)
        )
        shape = (len(config.seeds), config.widths[config.dropout_after], len(train[0]))
        self.masks = LayerMasks(
            config.keep_prob, shape, config.seeds, "training", "masks", mask_mode=config.mask_mode, device=device
        )
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


def _activate(z: Tensor, activation: str) -> tuple[Tensor, Tensor]:
    """Compute sigma(z) and sigma'(z); ``z`` is overwritten."""
    if activation == "relu":
        return z.relu_(), (z > 0).to(z.dtype)
    if activation == "tanh":
        activated = z.tanh_()
        return activated, 1 - activated.square()
    return z, torch.ones_like(z)
