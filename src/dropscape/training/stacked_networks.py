"""Losses and gradients of many fully-connected networks of one shape on the same examples, all seeds at once.

Everything is units-major, (units, examples): the first layer of S networks is then a single matrix product of
height S m_1, and a softmax runs along the slow axis. Pixels that are zero in every example are left out of the
first product; their weights have gradient exactly zero, so nothing changes but the cost.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dropscape.errors import ConfigurationError
from dropscape.models.fnn import ACTIVATIONS, FullyConnected
from dropscape.numerics.products import add_product, product
from dropscape.numerics.seeds import derived_seed

CHUNK = 2000  # examples at a time: the working arrays of a few seeds then stay in the processor's cache


def initialised(widths: Sequence[int], activation: str, seeds: Sequence[int]) -> dict[str, Tensor]:
    """Draw torch's default initialisation for every seed, stacked: ``{name: (S, ...)}`` in float32.

    It depends on the seed and the widths only, so runs that differ in dropout or learning rate start from the same
    parameters (paper A section 6.1: "with the same initialization parameters").
    """
    networks = []
    for seed in seeds:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, "training", "initialisation"))
            networks.append(FullyConnected(widths, activation).state_dict())
    return {name: torch.stack([network[name] for network in networks]) for name in networks[0]}


class StackedNetworks:
    """S fully-connected networks on inputs (n, d) float32 with labels (n,) int64.

    ``parameters`` are as ``initialised`` draws them; ``descend`` updates them in place.
    """

    def __init__(self, parameters: dict[str, Tensor], activation: str, inputs: Tensor, labels: Tensor):
        if activation not in ACTIVATIONS:
            raise ConfigurationError(f"model.activation is '{activation}'; write one of {', '.join(ACTIVATIONS)}.")
        self.activation = activation
        self.parameters = parameters
        self.depth = len(parameters) // 2
        self.weights = [parameters[f"layers.{index}.weight"] for index in range(self.depth)]
        self.biases = [parameters[f"layers.{index}.bias"].unsqueeze(-1) for index in range(self.depth)]
        self.seeds = self.weights[0].shape[0]
        self.examples = inputs.shape[0]
        self._seen = inputs.ne(0).any(dim=0).nonzero().squeeze(-1)
        columns = inputs[:, self._seen].T
        self._chunks = [
            (slice(start, start + CHUNK), columns[:, start : start + CHUNK].contiguous(), labels[start : start + CHUNK])
            for start in range(0, self.examples, CHUNK)
        ]

    def gradients(
        self, masks: Tensor | None = None, keep_prob: float = 1.0, dropout_after: int = 1
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Compute full-batch gradients of R_S^drop under the given masks (paper A section 3.3), or of R_S without.

        Masks are of hidden layer l = ``dropout_after``, bool (S, m_l, n), or (S, m_l, 1) if shared; what they keep is
        divided by ``keep_prob``.

        Returns:
            Gradients of the weights (S, m_l, m_{l-1}) (the first layer's restricted to the pixels that occur) and
            of the biases (S, m_l, 1), and the loss (S,) float64, the mean over the examples.
        """
        seen_weight = self.weights[0][:, :, self._seen].contiguous()
        weights = [torch.zeros_like(weight) for weight in (seen_weight, *self.weights[1:])]
        biases = [torch.zeros_like(bias) for bias in self.biases]
        loss = torch.zeros(self.seeds, dtype=torch.float64, device=seen_weight.device)
        for chunk, inputs, labels in self._chunks:
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
            log_probabilities = z - z.logsumexp(dim=1, keepdim=True)
            classes = labels.expand(self.seeds, 1, -1)
            loss -= log_probabilities.gather(1, classes).sum(dim=(1, 2), dtype=torch.float64)
            error = log_probabilities.exp_()
            error.scatter_add_(1, classes, torch.full_like(classes, -1, dtype=error.dtype))
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
        self.weights[0].index_add_(2, self._seen, weights[0], alpha=-learning_rate)
        for weight, gradient in zip(self.weights[1:], weights[1:], strict=True):
            weight.sub_(gradient, alpha=learning_rate)
        for bias, gradient in zip(self.biases, biases, strict=True):
            bias.sub_(gradient, alpha=learning_rate)

    def evaluate(self) -> tuple[Tensor, Tensor]:
        """Compute the loss without dropout and the accuracy, (S,) float64 each."""
        seen_weight = self.weights[0][:, :, self._seen].contiguous()
        loss = torch.zeros(self.seeds, dtype=torch.float64, device=seen_weight.device)
        correct = torch.zeros_like(loss)
        for _, inputs, labels in self._chunks:
            z = self._first_layer(seen_weight, inputs)
            for index in range(1, self.depth):
                z = torch.baddbmm(self.biases[index], self.weights[index], ACTIVATIONS[self.activation](z))
            losses = z.logsumexp(dim=1) - z.gather(1, labels.expand(self.seeds, 1, -1)).squeeze(1)
            loss += losses.sum(dim=1, dtype=torch.float64)
            correct += (z.argmax(dim=1) == labels).sum(dim=1)
        return loss / self.examples, correct / self.examples

    def _first_layer(self, seen_weight: Tensor, inputs: Tensor) -> Tensor:
        z = product(seen_weight.flatten(0, 1), inputs)
        return z.view(self.seeds, -1, inputs.shape[1]).add_(self.biases[0])


def _activate(z: Tensor, activation: str) -> tuple[Tensor, Tensor]:
    """Compute sigma(z) and sigma'(z); ``z`` is overwritten."""
    if activation == "relu":
        return z.relu_(), (z > 0).to(z.dtype)
    if activation == "tanh":
        activated = z.tanh_()
        return activated, 1 - activated.square()
    return z, torch.ones_like(z)
