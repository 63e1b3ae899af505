"""Dropout inside any module: layers that are the identity unless masks are in force.

A mask has no history. Its bits follow from the seed, the stage, the purpose, the number of the draw, the layer's name
and the group of ``GROUP`` consecutive examples, so they do not depend on how the examples are cut into micro-batches,
and a training that goes on needs nothing but its step.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dropscape.dropout.masks import ExactDraw, check_keep_prob, check_mask_mode, mask_generator
from dropscape.errors import ConfigurationError

GROUP = 128  # examples whose masks are drawn together


class GroupMasks:
    """Dropout masks of all layers and examples by the number of their draw, for a purpose of a stage.

    The ``mask_mode`` ``per_example`` draws each entry independently, ``shared`` one mask a layer for all examples;
    anything else is a ConfigurationError. Another kind of ``device`` gives different masks.
    """

    def __init__(self, seed: int, stage: str, purpose: str, mask_mode: str = "per_example", device: str = "cpu"):
        check_mask_mode(mask_mode)
        self._stream = (seed, stage, purpose)
        self._shared = mask_mode == "shared"
        self._device = torch.device(device)

    def mask(self, draw: int, layer: str, keep_prob: float, start: int, shape: Sequence[int]) -> Tensor:
        """Draw which units are kept: bool ``shape`` (n, ...) for the n examples from ``start`` on, (1, ...) if shared.

        Units are drawn in the memory order of a channels-last tensor, in which convolutions are fastest.
        """
        seed, stage, purpose = self._stream
        n, channels, *others = shape
        first, last = start // GROUP, (start + n - 1) // GROUP
        groups, size = (["shared"], 1) if self._shared else (range(first, last + 1), GROUP)
        kept = torch.empty(len(groups), size, *others, channels, dtype=torch.bool, device=self._device)
        for group, out in zip(groups, kept, strict=True):
            ExactDraw(keep_prob)(mask_generator(seed, stage, f"{purpose}/{draw}/{layer}/{group}", self._device), out)
        kept = kept.flatten(0, 1).movedim(-1, 1)
        return kept if self._shared else kept[start - first * GROUP :][:n]


class MaskedDropout(nn.Module):
    """Dropout while ``masks_in_force``; the identity otherwise, in training mode too.

    A unit is kept with probability ``keep_prob`` and then scaled by its inverse; at 1 nothing is drawn.
    """

    def __init__(self, keep_prob: float = 1.0):
        super().__init__()
        check_keep_prob(keep_prob)
        self.keep_prob = float(keep_prob)
        self._in_force: tuple[GroupMasks, int, str, int] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Mask and scale ``x`` (n, ...) where masks are in force."""
        if self._in_force is None or self.keep_prob == 1.0:
            return x
        source, draw, name, start = self._in_force
        kept = source.mask(draw, name, self.keep_prob, start, x.shape)
        # torch converts bytes some seven times faster than bools.
        return x * kept.view(torch.uint8).to(x.dtype).mul_(1.0 / self.keep_prob)

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
def masks_in_force(model: nn.Module, source: GroupMasks, draw: int, start: int) -> Iterator[None]:
    """Apply the masks of that draw to the model's forward pass on examples ``start``, ``start + 1``, ... inside."""
    layers = dropout_layers(model)
    for name, layer in layers.items():
        layer._in_force = (source, draw, name, start)
    try:
        yield
    finally:
        for layer in layers.values():
            layer._in_force = None
