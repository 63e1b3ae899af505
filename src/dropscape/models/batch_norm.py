"""Batch normalisation whose result does not depend on how a full batch is cut into micro-batches.

In training mode the statistics are those of fixed, consecutive groups of examples. In evaluation mode they are the
population's, which ``set_population_statistics`` measures at fixed parameters; nothing is averaged along training.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _GroupedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """See the module. ``group`` None takes all examples that are given as one group."""

    group: int | None = None
    _moments: "_Moments | None" = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x`` (n, C, ...) by channel; in training mode by groups of ``group`` examples."""
        if not self.training:
            return super().forward(x)
        groups = [x] if self.group is None else x.split(self.group)
        if self._moments is not None:
            for group in groups:
                self._moments.add(group)
        normalised = [F.batch_norm(group, None, None, self.weight, self.bias, True, 0.0, self.eps) for group in groups]
        return normalised[0] if len(groups) == 1 else torch.cat(normalised)


class GroupedBatchNorm1d(_GroupedBatchNorm, nn.BatchNorm1d):
    """Batch norm of (n, C)."""


class GroupedBatchNorm2d(_GroupedBatchNorm, nn.BatchNorm2d):
    """Batch norm of images (n, C, H, W)."""


def batch_norms(model: nn.Module) -> list[_GroupedBatchNorm]:
    """List the model's grouped batch norm layers."""
    return [module for module in model.modules() if isinstance(module, _GroupedBatchNorm)]


@torch.no_grad()
def set_population_statistics(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set every batch norm's running mean and variance to those of all examples, at the model's present parameters.

    One pass in training mode, in which each layer reads what the layers below it give when they normalise by group. The
    moments are pooled over all examples and positions: the mean of all values, and their variance about it (within
    the groups and between them; not Bessel's estimate). With one group for everything, evaluation mode is then
    exactly training mode on the same examples. The model is left in evaluation mode.

    ``batches`` are the inputs, whole groups at a time.
    """
    layers = batch_norms(model)
    for layer in layers:
        layer._moments = _Moments()
    model.train()
    try:
        for batch in batches:
            model(batch)
        for layer in layers:
            mean, variance = layer._moments.result()
            layer.running_mean.copy_(mean)
            layer.running_var.copy_(variance)
    finally:
        for layer in layers:
            layer._moments = None
        model.eval()


class _Moments:
    """Mean and variance by channel of values that come in chunks, pooled in float64."""

    def __init__(self) -> None:
        self._chunks: list[tuple[int, Tensor, Tensor]] = []

    def add(self, x: Tensor) -> None:
        variance, mean = torch.var_mean(x.detach(), dim=[0, *range(2, x.ndim)], correction=0)
        self._chunks.append((x.numel() // x.shape[1], mean.double(), variance.double()))

    def result(self) -> tuple[Tensor, Tensor]:
        counts, *moments = zip(*self._chunks, strict=True)
        means, variances = map(torch.stack, moments)
        counts = torch.tensor(counts, dtype=torch.float64, device=means.device)[:, None]
        shares = counts / counts.sum()
        mean = (shares * means).sum(dim=0)
        return mean, (shares * (variances + (means - mean).square())).sum(dim=0)
