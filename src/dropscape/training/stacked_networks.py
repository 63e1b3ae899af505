"""Fully-connected networks of several seeds as one: exact gradients of the cross-entropy of all examples.

Float32. Everything is units-major, (units, examples): the first layer of S networks is then a single matrix product of
height S m_1, and a softmax runs along the slow axis. Pixels that are zero in every example are left out of the first
product; their weights have gradient exactly zero, so nothing changes but the cost.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from dropscape.models import registry
from dropscape.models.fnn import ACTIVATIONS, check_activation
from dropscape.models.losses import one_hot
from dropscape.numerics.devices import Budget
from dropscape.numerics.products import add_product, product

CHUNK = Budget(2000, 2**20)  # examples at a time


def initialised(widths: Sequence[int], activation: str, seeds: Sequence[int], **options: Any) -> dict[str, Tensor]:
    """Draw every seed's parameters as ``models.registry.initialised`` does, stacked: ``{name: (S, ...)}`` in float32.

    ``options`` are other settings of a fully-connected network, ``initial_scale`` and ``output_bias``.
    """
    settings = {"name": "fnn", "widths": widths, "activation": activation, **options}
    networks = [registry.initialised(settings, seed).state_dict() for seed in seeds]
    return {name: torch.stack([network[name] for network in networks]) for name in networks[0]}


class StackedNetworks:
    """S fully-connected networks on inputs (n, d) float32 with labels (n,) int64.

    ``parameters`` are as ``initialised`` draws them; ``descend`` updates them in place. Gradients are of the
    pixels that occur in an example if ``leave_out_zeros`` (None: on a processor, where it is faster), else of all.
    """

    def __init__(
        self,
        parameters: dict[str, Tensor],
        activation: str,
        inputs: Tensor,
        labels: Tensor,
        leave_out_zeros: bool | None = None,
    ):
        check_activation(activation)
        self.activation = activation
        self.depth = len(parameters) // 2
        self.weights = [parameters[f"layers.{index}.weight"] for index in range(self.depth)]
        self.biases = [parameters[f"layers.{index}.bias"].unsqueeze(-1) for index in range(self.depth)]
        self.seeds = self.weights[0].shape[0]
        self.examples = inputs.shape[0]
        if leave_out_zeros is None:  # a GPU multiplies zeros faster than it leaves them out
            leave_out_zeros = inputs.device.type == "cpu"
        self._seen = inputs.ne(0).any(dim=0).nonzero().squeeze(-1) if leave_out_zeros else slice(None)
        self._places = None  # of all pixels among those that occur, on a GPU, which gathers better than it scatters
        if leave_out_zeros and inputs.device.type != "cpu":
            occurs = inputs.ne(0).any(dim=0).cpu()
            self._places = torch.where(occurs, occurs.cumsum(0) - 1, len(self._seen)).to(inputs.device)
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
        return self.weighted_gradients([(1.0, masks)], keep_prob, dropout_after)

    def weighted_gradients(
        self, terms: Sequence[tuple[float, Tensor | None]], keep_prob: float = 1.0, dropout_after: int = 1
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Compute the same of a sum of losses, each with its factor and its masks.

        The first layer, where nearly all the work is, is multiplied but once with the examples and once with the
        errors.
        """
        seen_weight, (weights, biases) = self._seen_weight(), self.zeros()
        loss = torch.zeros(self.seeds, dtype=torch.float64, device=seen_weight.device)
        for chunk, inputs, is_class in self._chunks:
            z, first_errors = self._first_layer(seen_weight, inputs), []
            for number, (factor, masks) in enumerate(terms, 1):
                chosen = masks if masks is None or masks.shape[-1] == 1 else masks[:, :, chunk]
                first = z if number == len(terms) else z.clone()
                hidden, slopes, log_probabilities = self._after_first_layer(first, chosen, keep_prob, dropout_after)
                right = log_probabilities.where(is_class, 0).sum(dim=1)
                loss.sub_(right.sum(dim=1, dtype=torch.float64), alpha=factor)
                error = log_probabilities.exp_().sub_(is_class.to(z.dtype))
                if factor != 1:
                    error.mul_(factor)
                *later, (_, first_error) = self._errors(error, slopes)
                for index, derivative in later:
                    _add_gradients(weights[index], biases[index], derivative, hidden[index - 1])
                first_errors.append(first_error)
            _add_gradients(weights[0], biases[0], sum(first_errors[1:], start=first_errors[0]), inputs)
        for gradient in (*weights, *biases):
            gradient.div_(self.examples)
        return weights, biases, loss / self.examples

    def sampled_label_gradients(self, uniforms: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Compute gradients of R_S for labels that each network draws by its own probabilities, with random signs.

        Their mean is zero and their covariance 1/n times the Gauss-Newton Hessian of R_S. Labels and signs follow from
        ``uniforms`` (S, n) in [0, 1): the halves of the interval are the signs. Returns gradients as ``gradients``
        does, and of each layer the trace of their covariance given the labels, (L, S): over signs alone, which make
        the examples' shares independent.
        """
        seen_weight, (weights, biases) = self._seen_weight(), self.zeros()
        count = self.biases[-1].shape[1]
        up_to = seen_weight.new_ones(count, count).tril()  # sums of the classes so far; torch's differ on a GPU
        classes = torch.arange(count, device=seen_weight.device)[:, None]
        squares = torch.zeros(self.depth, self.seeds, device=seen_weight.device)
        for chunk, inputs, _ in self._chunks:
            z = self._first_layer(seen_weight, inputs)
            hidden, slopes, log_probabilities = self._after_first_layer(z)
            probabilities = log_probabilities.exp_()
            doubled = 2 * uniforms[:, None, chunk]
            below = torch.matmul(up_to, probabilities)[:, :-1] <= doubled % 1
            drawn = below.sum(dim=1, keepdim=True) == classes
            error = probabilities.sub_(drawn.to(z.dtype)).mul_(1 - 2 * doubled.floor())
            for index, derivative in self._errors(error, slopes):
                read = hidden[index - 1] if index else inputs
                _add_gradients(weights[index], biases[index], derivative, read)
                squares[index] += (derivative.square().sum(dim=1) * (1 + read.square().sum(dim=-2))).sum(dim=-1)
        for gradient in (*weights, *biases):
            gradient.div_(self.examples)
        return weights, biases, squares / self.examples**2

    def descend(self, learning_rate: float, weights: list[Tensor], biases: list[Tensor]) -> None:
        """Take a step of gradient descent with gradients that ``gradients`` returned."""
        if self._places is not None:
            self.weights[0].sub_(pad(weights[0], (0, 1)).index_select(2, self._places), alpha=learning_rate)
        elif isinstance(self._seen, Tensor):
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

    def zeros(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return zeros in the shape of gradients, of the weights and of the biases."""
        weights = (self._seen_weight(), *self.weights[1:])
        return [torch.zeros_like(weight) for weight in weights], [torch.zeros_like(bias) for bias in self.biases]

    def _after_first_layer(
        self, z: Tensor, masks: Tensor | None = None, keep_prob: float = 1.0, dropout_after: int = 1
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Compute f^[l] and its derivative by z^[l] of all hidden layers, (S, m_l, n), and log-probabilities.

        ``z`` is z^[1] and is overwritten.
        """
        hidden, slopes = [], []
        for index in range(1, self.depth):
            activated, slope = _activate(z, self.activation)
            if masks is not None and index == dropout_after:
                scale = masks.to(z.dtype).mul_(1.0 / keep_prob)
                activated.mul_(scale)
                slope.mul_(scale)
            hidden.append(activated)
            slopes.append(slope)
            z = torch.baddbmm(self.biases[index], self.weights[index], activated)
        return hidden, slopes, z.log_softmax(dim=1)

    def _errors(self, error: Tensor, slopes: Sequence[Tensor]) -> Iterator[tuple[int, Tensor]]:
        """Yield each layer, the last one first, and the loss's derivative by its pre-activations, (S, m_l, n)."""
        for index in reversed(range(1, self.depth)):
            yield index, error
            error = torch.bmm(self.weights[index].transpose(1, 2), error).mul_(slopes[index - 1])
        yield 0, error

    def _first_layer(self, seen_weight: Tensor, inputs: Tensor) -> Tensor:
        z = product(seen_weight.flatten(0, 1), inputs)
        return z.view(self.seeds, -1, inputs.shape[1]).add_(self.biases[0])


def _add_gradients(weight: Tensor, bias: Tensor, error: Tensor, read: Tensor) -> None:
    """Add the gradients of a layer that reads (S, m, n), or the same (d, n) in all networks."""
    if read.ndim == 2:
        add_product(weight.flatten(0, 1), error.reshape(-1, read.shape[1]), read.T)
    else:
        weight.baddbmm_(error, read.transpose(1, 2))
    bias.add_(error.sum(dim=2, keepdim=True))


def _activate(z: Tensor, activation: str) -> tuple[Tensor, Tensor]:
    """Compute sigma(z) and sigma'(z); ``z`` is overwritten."""
    if activation == "relu":
        return z.relu_(), (z > 0).to(z.dtype)
    if activation == "tanh":
        activated = z.tanh_()
        return activated, 1 - activated.square()
    return z, torch.ones_like(z)
