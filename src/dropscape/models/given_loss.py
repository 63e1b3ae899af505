"""Losses as people have them, ``torch.nn`` modules and targets of any shape, as one loss an example.

The mean of what comes out over the examples is the loss's own mean over everything that it counts.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dropscape.errors import ConfigurationError
from dropscape.models.losses import PerExampleLoss, cross_entropy_per_example, output_loss

IGNORED = -100  # the class number of what torch's cross-entropy leaves out


def per_example_loss(loss: str | nn.Module | PerExampleLoss, outputs: Tensor, targets: Tensor) -> str | PerExampleLoss:
    """Make the loss (outputs, targets) -> (n,) whose mean over the examples is the mean loss.

    The cross-entropy's targets are class numbers, of examples (n,) or of places in them (n, ...), such as pixels or
    tokens, where outputs are (n, C, ...) as torch has it, or (n, ..., C). Its mean is over all places but those whose
    class is -100, or the ``ignore_index`` of the module, as torch's is, whatever the batching.

    Args:
        loss: "cross_entropy" or "mse" (half the squared distance); a loss of ``torch.nn`` with reduction "none" or
            "mean", whose values are averaged over all that an example has; or a callable, which is returned as it is.
        outputs: of a few examples.
        targets: of all examples.

    Raises:
        ConfigurationError: an unknown name, another reduction, or targets that do not fit the outputs.
    """
    if isinstance(loss, nn.CrossEntropyLoss):
        _refuse_sum(loss)
        if not targets.is_floating_point():
            weighted = loss.weight is not None and loss.reduction == "mean"
            return _cross_entropy(
                outputs, targets, loss.ignore_index, loss.weight, loss.label_smoothing, by_weight=weighted
            )
    if isinstance(loss, nn.Module) and hasattr(loss, "reduction"):
        return _of_module(loss, outputs, targets)
    if loss == "cross_entropy" and not targets.is_floating_point():
        return _cross_entropy(outputs, targets, IGNORED)
    if isinstance(loss, str):
        if loss == "cross_entropy" and targets.shape[1:] == outputs.shape[1:]:
            raise ConfigurationError(
                "loss 'cross_entropy' needs class numbers, but targets are real-valued; write loss 'mse', or "
                "nn.CrossEntropyLoss() if they are the classes' probabilities."
            )
        output_loss(loss)(outputs, targets[: len(outputs)])  # an unknown name, or targets that do not fit
    return loss


def _refuse_sum(loss: nn.Module) -> None:
    if loss.reduction not in ("none", "mean"):
        raise ConfigurationError(
            f"loss is a {type(loss).__name__} with reduction='{loss.reduction}', whose value depends on the batching; "
            "write reduction='none'."
        )


def _of_module(loss: nn.Module, outputs: Tensor, targets: Tensor) -> PerExampleLoss:
    """Average a module's values over all that each example has."""
    _refuse_sum(loss)
    if isinstance(loss, nn.NLLLoss | nn.MultiMarginLoss) and outputs.ndim > 1:
        _refuse_other_classes(targets, targets != getattr(loss, "ignore_index", None), outputs.shape[1])
    counts_some = getattr(loss, "ignore_index", None)
    if counts_some is not None and not targets.is_floating_point():
        weighted = getattr(loss, "weight", None) is not None and loss.reduction == "mean"
        if weighted or bool((targets == counts_some).any()):
            raise ConfigurationError(
                f"loss is a {type(loss).__name__} that does not count all targets alike; write nn.CrossEntropyLoss, or "
                "a callable that gives one loss an example."
            )
    each = copy.deepcopy(loss)
    each.reduction = "none"

    def losses(outputs: Tensor, chosen: Tensor) -> Tensor:
        values = each(outputs, chosen)
        return values if values.ndim == 1 else values.flatten(1).mean(dim=1)

    return losses


def _cross_entropy(
    outputs: Tensor,
    targets: Tensor,
    ignored: int,
    weight: Tensor | None = None,
    smoothing: float = 0.0,
    by_weight: bool = False,
) -> str | PerExampleLoss:
    """Choose the named loss where it says it all; else take the classes to the end and count places.

    ``by_weight`` divides by the places' weights, as torch's mean does, and not by how many there are.
    """
    if targets.dtype not in (torch.int32, torch.int64):
        raise ConfigurationError(f"targets are {targets.dtype}; write class numbers as targets.long().")
    at = _dimension_of_classes(outputs, targets)
    classes, counted = outputs.shape[at], targets != ignored
    _refuse_other_classes(targets, counted, classes, f"leave it out with {ignored} in its place, or ")
    if not bool(counted.any()):
        raise ConfigurationError(f"all targets are {ignored}, which is not counted; give some with a class.")
    everywhere = bool(counted.all())
    if targets.ndim == 1 and everywhere and weight is None and not smoothing:
        return "cross_entropy"
    total = float(weight.to(targets.device)[targets[counted]].sum() if by_weight else counted.sum())
    scale = len(targets) / total

    def losses(given: Tensor, chosen: Tensor) -> Tensor:
        rows, flat = given.movedim(at, -1).reshape(-1, classes), chosen.reshape(-1)
        kept = flat != ignored
        flat = flat.where(kept, 0)
        if weight is None and not smoothing:
            values = cross_entropy_per_example(rows, flat)
        else:
            given_weight = None if weight is None else weight.to(rows)
            values = F.cross_entropy(rows, flat, given_weight, reduction="none", label_smoothing=smoothing)
        return scale * values.where(kept, 0).view(len(chosen), -1).sum(dim=1)

    return losses


def _refuse_other_classes(targets: Tensor, counted: Tensor | bool, classes: int, otherwise: str = "") -> None:
    wrong = ((targets < 0) | (targets >= classes)) & counted
    if bool(wrong.any()):
        raise ConfigurationError(
            f"targets hold the class number {int(targets[wrong][0])}, but the model has {classes} outputs, of classes "
            f"0 to {classes - 1}; {otherwise}correct it."
        )


def _dimension_of_classes(outputs: Tensor, targets: Tensor) -> int:
    """Find the dimension of the outputs that counts the classes: torch's, the second, or the last one.

    Raises:
        ConfigurationError: neither fits, or both do.
    """
    places, shape = targets.shape[1:], outputs.shape[1:]
    second, last = len(shape) > 0 and shape[1:] == places, len(shape) > 0 and shape[:-1] == places
    if len(shape) == 1 and second:
        return 1
    if second and last:
        raise ConfigurationError(
            f"outputs (n, {', '.join(map(str, shape))}) and targets (n, {', '.join(map(str, places))}) do not say "
            "which dimension counts the classes; move it with forward, or give a callable as the loss."
        )
    if not second and not last:
        raise ConfigurationError(
            f"loss 'cross_entropy' needs class numbers of the outputs' shape without their classes, (n, "
            f"{', '.join(map(str, shape[1:]))}) for outputs (n, {', '.join(map(str, shape))}), not "
            f"(n, {', '.join(map(str, places))}) of {targets.dtype}; write loss 'mse' for real-valued targets."
        )
    return 1 if second else outputs.ndim - 1
