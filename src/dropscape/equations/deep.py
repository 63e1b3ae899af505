"""Fully-connected networks of any depth with dropout after every hidden layer, T trials at once (paper C, appendix C).

Weights are a list of (T, outputs, inputs), those of hidden layers with their biases in a last column, as
``dropscape.equations.initialization.initial_weights`` draws them. There is no closed form of the drift or the
covariance of dropout, since masks stand inside of activations; ``dropscape.equations.sampled`` estimates both from
gradients.
"""

from collections.abc import Sequence

from torch import Tensor

from dropscape.equations.activations import Activation
from dropscape.equations.network import Sample, measured


def outputs_of(
    weights: Sequence[Tensor], inputs: Tensor, activation: Activation, masks: Sequence[Tensor] | None = None
) -> Tensor:
    """Outputs (T, M, b, k) on inputs (T or 1, M or 1, b, d + 1), which hold a column of ones.

    Args:
        weights: of every layer (T, outputs, inputs), or (T, M, outputs, inputs) with one network for each of M draws.
        masks: of every hidden layer (T, M, m), with entries 0 or 1/keep_prob, one for all examples; None without
            dropout.
    """
    weights = [layer if layer.ndim == 4 else layer[:, None] for layer in weights]
    hidden = inputs @ weights[0].mT
    for index, layer in enumerate(weights[1:]):
        hidden = activation.value(hidden)
        if masks is not None:
            hidden = hidden * masks[index][:, :, None]
        last = index == len(weights) - 2
        hidden = hidden @ layer.mT if last else hidden @ layer[..., :-1].mT + layer[..., None, :, -1]
    return hidden


def risks(outputs: Tensor, targets: Tensor) -> Tensor:
    """R_S of eq. (1) on each draw's examples, (T, M), from outputs (T, M, b, k) and targets that broadcast to them."""
    return (outputs - targets).square().sum(dim=(-1, -2)) / (2 * outputs.shape[-2])


def losses_and_accuracies(weights: Sequence[Tensor], sample: Sample, activation: Activation) -> tuple[Tensor, Tensor]:
    """R_S without dropout and the share of examples whose largest output is the largest target, (T,) float64 each."""
    return measured(lambda inputs: outputs_of(weights, inputs[None, None], activation)[:, 0].mT, sample)
