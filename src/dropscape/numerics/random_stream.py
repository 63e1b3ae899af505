"""Random numbers as a function of the number of their draw: the same on every device, with nothing to save.

The outputs of a ``RandomStream`` are those of ``numerics.split_mix``; a processor has them compiled, any other device
from torch's own operations on int64, whose products have the bits of unsigned ones.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from dropscape.errors import ConfigurationError
from dropscape.numerics.compiled_loops import SOURCES, cached
from dropscape.numerics.devices import Budget
from dropscape.numerics.seeds import derived_seed
from dropscape.numerics.split_mix import DRAW_STEP, FACTOR_1, FACTOR_2, GOLDEN, STRIDE, fill

Draw = int | Tensor  # the number of a draw; an int64 scalar on the device where steps are replayed
Device = str | torch.device

_ALL = 2**64
_PAIRS = Budget(2**13, 2**24)  # of normals that are computed at once


def _compiled(sources: int) -> Callable:
    def filled(out, state):
        _ = sources
        fill(out, state)

    return cached(filled)


_fill = _compiled(SOURCES)


class RandomStream:
    """Draws for one purpose of one stage of a seed."""

    def __init__(self, seed: int, stage: str, purpose: str):
        self.seed = derived_seed(seed, stage, purpose)

    def state(self, draw: Draw, first: int, count: int) -> np.uint64:
        """Compute the state whose mixture is output ``first`` of a draw, for ``count`` outputs from there on.

        A ConfigurationError says that a draw has fewer.
        """
        if first + count > STRIDE:
            raise ConfigurationError(
                f"{first + count:,} random numbers are more than the {STRIDE:,} that one draw has; take fewer examples."
            )
        return np.uint64((self.seed + int(draw) * int(DRAW_STEP) + (first + 1) * int(GOLDEN)) % _ALL)

    def outputs(self, draw: Draw, first: int, count: int, device: Device = "cpu") -> Tensor:
        """Compute outputs ``first``, ``first`` + 1, ... of a draw, int64 (count,); (K, count) for draws (K, 1)."""
        if torch.device(device).type == "cpu":
            out = torch.empty(count, dtype=torch.int64)
            _fill(out.numpy().view(np.uint64), self.state(draw, first, count))
            return out
        return self.outputs_by_torch(draw, first, count, device)

    def outputs_by_torch(self, draw: Draw, first: int, count: int, device: Device) -> Tensor:
        """Compute the same ``outputs`` with torch's own operations."""
        begin = int(self.state(0, first, count))
        if isinstance(draw, int):
            begin += draw * int(DRAW_STEP)
        value = torch.arange(count, device=device) * signed(int(GOLDEN)) + signed(begin)
        if isinstance(draw, Tensor):
            value = value + draw * signed(int(DRAW_STEP))
        value = (value ^ shifted(value, 30)) * signed(int(FACTOR_1))
        value = (value ^ shifted(value, 27)) * signed(int(FACTOR_2))
        return value ^ shifted(value, 31)

    def uniforms(self, draw: Draw, shape: Sequence[int], device: Device = "cpu") -> Tensor:
        """Draw uniform numbers of [0, 1) with 53 bits, float64."""
        return shifted(self.outputs(draw, 0, math.prod(shape), device), 11).double().mul_(2**-53).view(*shape)

    def normals(
        self, draw: Draw, shape: Sequence[int], dtype: torch.dtype = torch.float64, device: Device = "cpu"
    ) -> Tensor:
        """Draw standard normals by the transform of Box and Muller (1958), from 53 bits in float64, 32 bits in float32.

        Two devices agree to rounding.
        """
        count, double = math.prod(shape), dtype == torch.float64
        pairs = (count + 1) // 2
        out = torch.empty(2, pairs, dtype=dtype, device=device)
        size = _PAIRS.on(device)
        for start in range(0, pairs, size):
            part = out[:, start : start + size]
            length = part.shape[1]
            if double:
                bits = [shifted(self.outputs(draw, first, length, device), 11) for first in (start, pairs + start)]
            else:
                words = self.outputs(draw, start, length, device)
                bits = [words & 0xFFFFFFFF, shifted(words, 32)]
            scale = 2**-53 if double else 2**-32
            radius = (bits[0] + 1).to(dtype).mul_(scale).log_().mul_(-2).sqrt_()  # never the logarithm of 0
            angle = bits[1].to(dtype).mul_(2 * math.pi * scale)
            torch.mul(radius, angle.cos(), out=part[0])
            torch.mul(radius, angle.sin_(), out=part[1])
        return out.flatten()[:count].view(*shape)


def shifted(value: Tensor, bits: int) -> Tensor:
    """Shift int64 to the right as if it were unsigned."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def signed(value: int) -> int:
    """Return the number from -2^63 to 2^63 - 1 that has the lowest 64 bits of ``value``."""
    return (value + 2**63) % _ALL - 2**63
