"""The two losses of the papers, one value per example, accurate where the losses are tiny.

Per-example values let a caller take the exact mean over all examples whatever the batching. An example is an image with
its class or values, or a sentence with its tokens.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from dropscape.errors import ConfigurationError

PerExampleLoss = Callable[[Tensor, Tensor], Tensor]

PADDING = 0  # the token that fills a sentence up; it is never a target


def cross_entropy_per_example(outputs: Tensor, targets: Tensor) -> Tensor:
    """Compute -log softmax(outputs)_y of each example, (n,): outputs (n, C), classes (n,) (paper A, section 3.1).

    It is log(1 + sum_{k != y} exp(z_k - z_y)): ``logsumexp(z) - z_y`` would subtract two numbers of order 10 and lose
    all digits of a loss below 1e-6 in float32.
    """
    if targets.is_floating_point() or targets.ndim != 1:
        raise ConfigurationError(
            f"loss 'cross_entropy' needs targets of shape (n,) with class numbers, not {tuple(targets.shape)} of "
            f"{targets.dtype}; write loss 'mse' for real-valued targets."
        )
    is_target = one_hot(targets, outputs.shape[1])
    margins = outputs - _of_class(outputs, targets, is_target)
    others = margins.masked_fill(is_target, float("-inf")).logsumexp(dim=1)
    return _softplus(others)


def one_hot(classes: Tensor, count: int) -> Tensor:
    """Mark each class, (n,) or (n, ...), among so many: bool (n, ..., count), by comparison.

    Scattering ones would be a sort on a GPU that is to give the same bits each time, and torch's own waits for it.
    """
    return classes[..., None] == torch.arange(count, device=classes.device)


def _of_class(values: Tensor, classes: Tensor, is_class: Tensor) -> Tensor:
    """Take the value of each example's class, (n, 1), from (n, C).

    A processor picks it; on a GPU the derivative of picking would scatter (see ``one_hot``).
    """
    if values.device.type == "cpu":
        return values.gather(1, classes[:, None])
    return values.where(is_class, 0).sum(dim=1, keepdim=True)


def _softplus(x: Tensor) -> Tensor:
    """Compute log(1 + exp(x)), with first and second derivatives to full relative accuracy on both sides.

    Torch's functions have not: the second derivative of ``logaddexp`` is NaN in float32 below -88, where exp(-x)
    overflows, and that of ``logsigmoid`` is lost in the rounding of 1.
    """
    positive = x > 0
    high, low = x.where(positive, 0.0), x.masked_fill(positive, 0.0)
    return torch.where(positive, high + (-high).exp().log1p(), low.exp().log1p())


def squared_error_per_example(outputs: Tensor, targets: Tensor) -> Tensor:
    """Compute |outputs - targets|^2 / 2 of each example, (n,), from (n, ...) (the papers' (1/2n) sum_i |f - y|^2)."""
    if targets.shape != outputs.shape:
        raise ConfigurationError(
            f"loss 'mse' needs targets of the outputs' shape {tuple(outputs.shape)}, not {tuple(targets.shape)}; "
            "write loss 'cross_entropy' for class numbers, or encode them one-hot."
        )
    return (outputs - targets).square().view(len(outputs), -1).sum(dim=1) / 2


LOSSES: dict[str, PerExampleLoss] = {"cross_entropy": cross_entropy_per_example, "mse": squared_error_per_example}


def output_loss(loss: str | PerExampleLoss) -> PerExampleLoss:
    """Find the per-example loss ``(outputs (n, C), targets) -> (n,)`` by its key in ``LOSSES``, or return it itself."""
    if not isinstance(loss, str):
        return loss
    if loss not in LOSSES:
        raise ConfigurationError(f"loss is '{loss}'; write one of {', '.join(sorted(LOSSES))}.")
    return LOSSES[loss]


def training_loss(name: str, targets: Tensor, label_smoothing: float = 0.0) -> PerExampleLoss:
    """Make the per-example loss whose mean over the examples of the training set is the risk R_S.

    For classes (n,) and values (n, C) it is ``output_loss``. For sentences (n, T) the risk is the mean over all target
    tokens of the training set that are not padding; an example's loss is the sum over its tokens times n / tokens, a
    constant of the training set, so that the mean over the examples is the risk whatever the batching.

    Args:
        name: a key of ``LOSSES``.
        targets: of the whole training set.
        label_smoothing: epsilon of Szegedy et al. (2016): the target is 1 - epsilon on its class plus epsilon / C on
            each of the C classes. The smallest value is then the entropy of such a target (``smoothed_entropy``), as it
            is torch's. Only for ``cross_entropy``; else it is a ConfigurationError.
    """
    loss = output_loss(name)
    if label_smoothing and name != "cross_entropy":
        raise ConfigurationError(
            f"label_smoothing is {label_smoothing} with loss '{name}'; write label_smoothing 0, or loss cross_entropy."
        )
    if name != "cross_entropy" or (targets.ndim == 1 and not label_smoothing):
        return loss
    if targets.ndim == 1:
        return lambda outputs, classes: _smoothed(outputs, classes, label_smoothing)
    weight = len(targets) / int((targets != PADDING).sum())

    def sentence_losses(outputs: Tensor, tokens: Tensor) -> Tensor:
        losses = _smoothed(outputs.flatten(0, 1), tokens.flatten(), label_smoothing).view(tokens.shape)
        return weight * losses.masked_fill(tokens == PADDING, 0.0).sum(dim=1)

    return sentence_losses


def _smoothed(outputs: Tensor, targets: Tensor, epsilon: float) -> Tensor:
    """Compute the cross-entropy of (n, C) with smoothed targets, (n,), as torch does."""
    if not epsilon:
        return cross_entropy_per_example(outputs, targets)
    # Never tiny, so that the plain formula is accurate, and faster where there are many classes.
    log_probabilities = outputs.log_softmax(dim=1)
    right = _of_class(log_probabilities, targets, one_hot(targets, outputs.shape[1])).squeeze(1)
    return (epsilon - 1) * right - epsilon * log_probabilities.mean(dim=1)


def smoothed_entropy(classes: int, epsilon: float) -> float:
    """Compute the entropy of the smoothed target in nats, what the cross-entropy is above the divergence."""
    other = epsilon / classes
    right = 1 - epsilon + other
    return -right * math.log(right) - (classes - 1) * other * math.log(other)


def encodes_classes(targets: Tensor) -> bool:
    """Tell whether targets are classes: their numbers or tokens, or values (n, C) that are 1 for one class, else 0.

    Other values belong to a regression, for which there is no accuracy. One column of values is never classes.
    """
    if not targets.is_floating_point():
        return True
    zero_or_one = bool(((targets == 0) | (targets == 1)).all())
    return targets.ndim == 2 and targets.shape[1] > 1 and zero_or_one and bool((targets.sum(dim=1) == 1).all())


def are_correct(outputs: Tensor, targets: Tensor) -> Tensor:
    """Say of each example whether its class is predicted, bool (n,).

    Outputs are (n, C), targets classes (n,) or classes encoded as values (n, C).
    """
    return outputs.argmax(dim=-1) == (targets.argmax(dim=-1) if targets.is_floating_point() else targets)


def correct_predictions(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Count the predictions that are right, and all predictions.

    Targets are classes (n,), classes encoded as values (n, C), or tokens (n, T), of which padding does not count.
    """
    correct = are_correct(outputs, targets)
    counted = torch.ones_like(correct) if correct.ndim == 1 else targets != PADDING
    return (correct & counted).sum(), counted.sum()


@torch.no_grad()
def mean_loss(
    model: Callable[[Tensor], Tensor], inputs: Tensor, targets: Tensor, loss: PerExampleLoss, batch: int = 1024
) -> float:
    """Compute the mean of the loss over all examples, ``batch`` of them at a time, summed in float64."""
    pairs = zip(inputs.split(batch), targets.split(batch), strict=True)
    return float(sum(loss(model(x), y).sum(dtype=torch.float64) for x, y in pairs)) / len(inputs)
