"""The two losses of the papers, one value per example, accurate where the losses are tiny.

Per-example values let a caller take the exact mean over all examples whatever the batching.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from dropscape.errors import ConfigurationError

PerExampleLoss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy_per_example(outputs: Tensor, targets: Tensor) -> Tensor:
    """-log softmax(outputs)_y of each example (paper A, section 3.1).

    Computed as log(1 + sum_{k != y} exp(z_k - z_y)): ``logsumexp(z) - z_y`` would subtract two numbers of order 10 and
    lose all digits of a loss below 1e-6 in float32.

    Args:
        outputs: (n, C) floating point.
        targets: (n,) int64 classes.

    Returns:
        (n,) in the dtype of ``outputs``.
    """
    if targets.is_floating_point() or targets.ndim != 1:
        raise ConfigurationError(
            f"loss 'cross_entropy' needs targets of shape (n,) with class numbers, not {tuple(targets.shape)} of "
            f"{targets.dtype}; write loss 'mse' for real-valued targets."
        )
    own = targets[:, None] == torch.arange(outputs.shape[1], device=outputs.device)
    margins = outputs - outputs.gather(1, targets[:, None])
    others = margins.masked_fill(own, float("-inf")).logsumexp(dim=1)
    return torch.logaddexp(others, torch.zeros_like(others))


def squared_error_per_example(outputs: Tensor, targets: Tensor) -> Tensor:
    """|outputs - targets|^2 / 2 of each example, summed over the outputs (the papers' (1/2n) sum_i |f - y|^2).

    Args:
        outputs: (n, C) floating point.
        targets: (n, C) floating point.

    Returns:
        (n,) in the dtype of ``outputs``.
    """
    if targets.shape != outputs.shape:
        raise ConfigurationError(
            f"loss 'mse' needs targets of the outputs' shape {tuple(outputs.shape)}, not {tuple(targets.shape)}; "
            "write loss 'cross_entropy' for class numbers, or encode them one-hot."
        )
    return (outputs - targets).square().sum(dim=1) / 2


LOSSES: dict[str, PerExampleLoss] = {
    "cross_entropy": cross_entropy_per_example,
    "mse": squared_error_per_example,
}


def output_loss(name: str) -> PerExampleLoss:
    """The per-example loss ``(outputs (n, C), targets) -> (n,)`` of that name.

    Raises:
        ConfigurationError: the name is not a key of ``LOSSES``.
    """
    if name not in LOSSES:
        raise ConfigurationError(f"loss is '{name}'; write one of {', '.join(sorted(LOSSES))}.")
    return LOSSES[name]
