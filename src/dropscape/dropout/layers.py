"""Dropout inside any module: layers that are the identity unless masks are in force."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from dropscape.dropout.masks import Draw, MaskStream, check_keep_prob, check_mask_mode
from dropscape.errors import ConfigurationError


class ModuleMasks:
    """Dropout masks of all layers and examples by the number of their draw, for a purpose of a stage.

    The ``mask_mode`` ``per_example`` draws each entry independently, ``shared`` one mask a layer for all examples, that
    of the first; anything else is a ConfigurationError. Units are counted in the memory order of the layer's input,
    that of images being channels-last, in which convolutions are fastest.
    """

    def __init__(self, seed: int, stage: str, purpose: str, mask_mode: str = "per_example"):
        check_mask_mode(mask_mode)
        self.shared = mask_mode == "shared"
        self.stream = cache(lambda layer: MaskStream(seed, stage, f"{purpose}/{layer}"))

    def mask(
        self, draw: Draw, layer: str, keep_prob: float, start: int, shape: Sequence[int], device: Any = "cpu"
    ) -> Tensor:
        """Draw which units are kept for n examples from ``start`` on: bool ``shape`` (n, ...), (1, ...) if shared."""
        n, start = (1, 0) if self.shared else (shape[0], start)
        units = torch.Size(shape[1:])
        kept = self.stream(layer).kept(draw, keep_prob, start, n, units.numel(), device)
        if len(units) == 3:
            return kept.view(n, *units[1:], units[0]).movedim(-1, 1)
        return kept.view(n, *units)


class _Masked(torch.autograd.Function):
    """x times its masks, which are drawn anew in the backward pass: drawing them costs no more than reading them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, stream: MaskStream, draw: Draw, keep_prob: float, start: int) -> Tensor:
        ctx.drawn = stream, draw, keep_prob, start
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
            rows = x.movedim(1, -1)
            return stream.masked(rows.flatten(1), draw, keep_prob, start).view(rows.shape).movedim(-1, 1)
        return stream.masked(x.contiguous().flatten(1), draw, keep_prob, start).view(x.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return _Masked.apply(gradient, *ctx.drawn), None, None, None, None


class MaskedDropout(nn.Module):
    """Dropout while ``masks_in_force``; the identity otherwise, in training mode too.

    A unit is kept with probability ``keep_prob`` and then scaled by its inverse; at 1 nothing is drawn.
    """

    def __init__(self, keep_prob: float = 1.0):
        super().__init__()
        check_keep_prob(keep_prob)
        self.keep_prob = float(keep_prob)
        self._in_force: tuple[ModuleMasks, Draw, str, int] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Mask and scale ``x`` (n, ...) where masks are in force."""
        if self._in_force is None or self.keep_prob == 1.0:
            return x
        source, draw, name, start = self._in_force
        if source.shared:
            kept = source.mask(draw, name, self.keep_prob, start, x.shape, x.device)
            return torch.where(kept, x * (1.0 / self.keep_prob), 0)
        return _Masked.apply(x, source.stream(name), draw, self.keep_prob, start)

    def extra_repr(self) -> str:
        """Describe the layer for ``print(model)``."""
        return f"keep_prob={self.keep_prob:g}"


def dropout_layers(model: nn.Module) -> dict[str, MaskedDropout]:
    """Find the model's dropout layers by name, in the order of its modules."""
    return {name: module for name, module in model.named_modules() if isinstance(module, MaskedDropout)}


def set_keep_prob(model: nn.Module, keep_prob: float | Sequence[float]) -> None:
    """Give every dropout layer of a model the keep probability, or one to each in the order of ``dropout_layers``."""
    layers = dropout_layers(model)
    values = [keep_prob] * len(layers) if isinstance(keep_prob, int | float) else list(keep_prob)
    if len(values) != len(layers):
        raise ConfigurationError(
            f"keep_prob is {values}, but the model has {len(layers)} dropout layers ({', '.join(layers)}): write one "
            "number for all of them, or one for each in this order."
        )
    for layer, value in zip(layers.values(), values, strict=True):
        check_keep_prob(value)
        layer.keep_prob = float(value)


@contextmanager
def masks_in_force(model: nn.Module, source: ModuleMasks, draw: Draw, start: int) -> Iterator[None]:
    """Apply the masks of that draw to the model's forward pass on examples ``start``, ``start + 1``, ... inside."""
    layers = dropout_layers(model)
    for name, layer in layers.items():
        layer._in_force = (source, draw, name, start)
    try:
        yield
    finally:
        for layer in layers.values():
            layer._in_force = None
