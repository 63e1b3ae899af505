"""Dropout inside any module: layers that are the identity unless masks are in force."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any, NamedTuple

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
            masked = stream.masked(rows.flatten(1), draw, keep_prob, start).view(rows.shape).movedim(-1, 1)
        else:
            masked = stream.masked(x.contiguous().flatten(1), draw, keep_prob, start).view(x.shape)
        return masked.detach()  # no view, which an in-place ReLU may not overwrite

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return _Masked.apply(gradient, *ctx.drawn), None, None, None, None


class ExampleDimension(NamedTuple):
    """Where a tensor counts the examples: in its ``dimension``, ``each`` entries of which belong to one example.

    None means nowhere: all examples read the same numbers and share their mask, as embeddings of positions do.
    """

    dimension: int | None = 0
    each: int = 1

    def first(self, x: Tensor) -> Tensor:
        """View ``x`` as (n, ...)."""
        if self.dimension is None:
            return x[None]
        rows = x.movedim(self.dimension, 0) if self.dimension else x
        return rows.unflatten(0, (-1, self.each)) if self.each > 1 else rows

    def back(self, rows: Tensor) -> Tensor:
        """Invert ``first``."""
        if self.dimension is None:
            return rows[0]
        rows = rows.flatten(0, 1) if self.each > 1 else rows
        return rows.movedim(0, self.dimension) if self.dimension else rows


@dataclass
class _InForce:
    """Of which draw a layer's masks are, from which example on, and how often it was called since."""

    source: ModuleMasks
    draw: Draw
    layer: str
    start: int
    calls: int = 0


class MaskedDropout(nn.Module):
    """Dropout while ``masks_in_force``; the identity otherwise, in training mode too.

    A unit is kept with probability ``keep_prob`` and then scaled by its inverse; at 1 nothing is drawn. A layer that is
    called several times in a pass draws anew each time, as ``nn.Dropout`` does. ``inplace`` overwrites the input.
    """

    def __init__(self, keep_prob: float = 1.0, *, inplace: bool = False):
        super().__init__()
        check_keep_prob(keep_prob)
        self.keep_prob = float(keep_prob)
        self.inplace = inplace
        # Of the input of each call in a pass, as ``dropout.probe`` finds them; none: the first dimension of all.
        self.examples: tuple[ExampleDimension, ...] = ()
        self._in_force: _InForce | None = None

    @property
    def p(self) -> float:
        """The dropped share, which code written for ``nn.Dropout`` may read."""
        return 1.0 - self.keep_prob

    @property
    def draws(self) -> bool:
        """Whether a call now would draw a mask."""
        return self._in_force is not None and self.keep_prob < 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Mask and scale ``x``, by default (n, ...), where masks are in force."""
        if not self.draws:
            return x
        dropped = self._dropped(x)
        return x.copy_(dropped) if self.inplace else dropped

    def _dropped(self, x: Tensor) -> Tensor:
        return self._masked(x)

    def _masked(self, x: Tensor) -> Tensor:
        """Compute x / keep_prob where the mask of this call keeps a unit and 0 elsewhere."""
        now = self._in_force
        now.calls += 1
        name = now.layer if now.calls == 1 else f"{now.layer}, call {now.calls}"
        examples = self.examples[min(now.calls, len(self.examples)) - 1] if self.examples else ExampleDimension()
        start = 0 if examples.dimension is None else now.start
        rows = examples.first(x)
        if not now.source.shared:
            return examples.back(_Masked.apply(rows, now.source.stream(name), now.draw, self.keep_prob, start))
        if examples.each > 1:
            raise ConfigurationError(
                f"the dropout layer '{now.layer}' reads {examples.each} rows for each example, for which mask_mode "
                "'shared' has no one meaning; write mask_mode 'per_example'."
            )
        kept = now.source.mask(now.draw, name, self.keep_prob, start, rows.shape, rows.device)
        return examples.back(torch.where(kept, rows * (1.0 / self.keep_prob), 0))

    def extra_repr(self) -> str:
        """Describe the layer for ``print(model)``."""
        return f"keep_prob={self.keep_prob:g}" + (", inplace=True" if self.inplace else "")


def dropout_layers(model: nn.Module) -> dict[str, MaskedDropout]:
    """Find the model's dropout layers by name, in the order of its modules."""
    return {name: module for name, module in model.named_modules() if isinstance(module, MaskedDropout)}


def set_keep_prob(model: nn.Module, keep_prob: float | Sequence[float]) -> None:
    """Give every dropout layer of a model the keep probability, or one to each in the order of ``dropout_layers``."""
    layers = dropout_layers(model)
    if isinstance(keep_prob, str | Mapping) or not isinstance(keep_prob, Real | Iterable):
        raise ConfigurationError(
            f"keep_prob is {keep_prob!r}; write a number, or one for each dropout layer ({', '.join(layers)}) in this "
            "order."
        )
    values = [keep_prob] * len(layers) if isinstance(keep_prob, Real) else list(keep_prob)
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
    """Apply the masks of that draw to one forward pass of the model on examples ``start``, ``start + 1``, ... inside.

    Torch's fused inference of attention, which knows no dropout, is off meanwhile.
    """
    layers = dropout_layers(model)
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    for name, layer in layers.items():
        layer._in_force = _InForce(source, draw, name, start)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for layer in layers.values():
            layer._in_force = None
