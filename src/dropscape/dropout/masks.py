"""Draws dropout masks: which units are kept (paper A section 3.3; the papers write p for the keep probability).

A mask has no history: each bit is a function of the seed, the stage, the purpose, the layer, the number of the draw,
the example and the unit (``numerics.split_mix`` says which). So it does not depend on the device, on how the examples
are cut into micro-batches or on the number of threads, and a training that goes on needs nothing but its step. The
probability is exact to 2^-33.
"""

import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from dropscape.dropout import mask_loops
from dropscape.errors import ConfigurationError
from dropscape.numerics.random_stream import Device, Draw, RandomStream, shifted, signed
from dropscape.numerics.split_mix import DRAW_STEP, largest_kept_draw, words_of

MASK_MODES = ("per_example", "shared")

_UNITS = 2**23  # whose masks torch's operations draw at once


def check_keep_prob(keep_prob: float) -> None:
    """Raise a ConfigurationError if the keep probability is outside (0, 1]."""
    if not 0 < keep_prob <= 1:
        raise ConfigurationError(
            f"keep_prob is {keep_prob}; it is the probability that a unit is KEPT and must be in (0, 1] "
            "(torch.nn.Dropout's p is the share that is DROPPED: write keep_prob = 1 - p)."
        )


def check_mask_mode(mask_mode: str) -> None:
    """Raise a ConfigurationError if the mask mode is not one of ``MASK_MODES``."""
    if mask_mode not in MASK_MODES:
        raise ConfigurationError(f"mask_mode is '{mask_mode}'; write one of {', '.join(MASK_MODES)}.")


def mask_variance(keep_prob: float) -> float:
    """Compute the variance (1 - keep_prob)/keep_prob of a mask's entries, 0 or 1/keep_prob (paper C eq. 3)."""
    check_keep_prob(keep_prob)
    return (1.0 - keep_prob) / keep_prob


@cache
def _has_triton() -> bool:
    """Say whether Triton is here and can compile, for which it needs a C compiler."""
    if torch.version.cuda is None or find_spec("triton") is None:
        return False
    try:
        MaskStream(0, "dropout", "compiles")._masked_by_triton(torch.ones(1, 2, device="cuda"), 0, 0.5, 0)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        print(f"Triton cannot compile here, so that masks on the GPU take longer: {reason}", file=sys.stderr)
        return False
    return True


class MaskStream(RandomStream):
    """The masks of one layer's units, for one purpose of one stage of a seed."""

    def kept(
        self, draw: Draw, keep_prob: float, start: int, examples: int, units: int, device: Device = "cpu"
    ) -> Tensor:
        """Draw which units are kept, bool (examples, units), for the ``examples`` from ``start`` on."""
        if torch.device(device).type == "cpu":
            out = torch.empty(examples, units, dtype=torch.bool)
            mask_loops.draw_rows(out.numpy(), *self._arguments(draw, keep_prob, start, examples, units))
            return out
        size = _at_once(units)
        pieces = [(start + few, min(size, examples - few), units, device) for few in range(0, max(examples, 1), size)]
        drawn = [self._drawn(draw, keep_prob, *piece) for piece in pieces]
        return torch.cat(drawn) if len(drawn) > 1 else drawn[0]

    def kept_in_draws(self, first: int, count: int, keep_prob: float, units: int, device: Device = "cpu") -> Tensor:
        """Draw which units the first example keeps in ``count`` draws from ``first`` on, bool (count, units)."""
        if torch.device(device).type == "cpu":
            return torch.cat([self.kept(first + number, keep_prob, 0, 1, units) for number in range(count)])
        draws = torch.arange(first, first + count, device=device)[:, None]
        return torch.cat([self._drawn(few, keep_prob, 0, 1, units, device) for few in draws.split(_at_once(units))])

    def kept_columns(self, draw: Draw, keep_prob: float, out: Tensor) -> Tensor:
        """Fill ``out``, bool (units, examples), with what is kept for the examples from 0 on; return it."""
        units, examples = out.shape
        if out.device.type == "cpu":
            mask_loops.draw_columns(out.numpy(), *self._arguments(draw, keep_prob, 0, examples, units))
            return out
        return out.copy_(self.kept(draw, keep_prob, 0, examples, units, out.device).T)

    def masked(self, x: Tensor, draw: Draw, keep_prob: float, start: int) -> Tensor:
        """Compute x / keep_prob where a unit is kept and 0 elsewhere, for contiguous x (examples, units)."""
        scale = 1.0 / keep_prob
        if x.device.type == "cuda" and _has_triton():
            return self._masked_by_triton(x, draw, keep_prob, start)
        if x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64):
            kept = self.kept(draw, keep_prob, start, *x.shape, x.device)
            return torch.where(kept, x * scale, 0)
        out, number = torch.empty_like(x), np.float32 if x.dtype == torch.float32 else np.float64
        arguments = self._arguments(draw, keep_prob, start, *x.shape)
        mask_loops.mask_rows(x.detach().numpy(), out.numpy(), *arguments, number(scale))
        return out

    def _masked_by_triton(self, x: Tensor, draw: Draw, keep_prob: float, start: int) -> Tensor:
        from dropscape.dropout.mask_kernel import mask_rows  # here, because Triton comes with torch for CUDA alone

        words, limit = words_of(x.shape[1]), int(largest_kept_draw(keep_prob))
        state = signed(int(self.state(0, start * words, len(x) * words)))
        if isinstance(draw, int):
            draw = torch.full((), draw, device=x.device)
        return mask_rows(x, draw, state, signed(int(DRAW_STEP)), words, limit, 1.0 / keep_prob)

    def _arguments(self, draw: Draw, keep_prob: float, start: int, examples: int, units: int) -> tuple:
        words = words_of(units)
        state = self.state(draw, start * words, examples * words)
        return state, np.uint64(words), largest_kept_draw(keep_prob)

    def _drawn(self, draw: Draw, keep_prob: float, start: int, examples: int, units: int, device: Device) -> Tensor:
        """Draw by torch's operations, bool (examples, units); (K, units) of one example for draws (K, 1)."""
        words = words_of(units)
        outputs = self.outputs(draw, start * words, examples * words, device).view(-1, words)
        halves = torch.stack([outputs & 0xFFFFFFFF, shifted(outputs, 32)], dim=2).flatten(1)
        return halves[:, :units] <= int(largest_kept_draw(keep_prob))


def _at_once(units: int) -> int:
    """Count the examples that are drawn at once: torch's operations hold some hundred bytes for each unit."""
    return max(1, _UNITS // units)


class LayerMasks:
    """Masks of one layer for all examples, units-major, by the number of their draw.

    A dense layer then multiplies them from the left, and a softmax over the outputs runs along the slow axis. What does
    not fit, such as an unknown ``mask_mode``, is a ConfigurationError.

    Args:
        keep_prob: the probability that a unit is kept, in (0, 1].
        shape: (units, examples), or (S, units, examples) for S seeds.
        seed: one run seed; or S of them, each with masks of its own, so that they do not depend on which seeds are
            batched with it.
        stage, purpose: what the masks are for.
        mask_mode: ``per_example`` draws each entry independently; ``shared`` draws one mask for all examples, and
            the last dimension is 1.
        device: where the masks are wanted.
    """

    def __init__(
        self,
        keep_prob: float,
        shape: tuple[int, ...],
        seed: int | Sequence[int],
        stage: str,
        purpose: str,
        mask_mode: str = "per_example",
        device: str = "cpu",
    ):
        check_keep_prob(keep_prob)
        check_mask_mode(mask_mode)
        batched = not isinstance(seed, int | np.integer)
        if len(shape) != 2 + batched or (batched and len(seed) != shape[0]):
            raise ConfigurationError(
                f"masks of shape {tuple(shape)} do not fit seed {seed}; one seed needs the shape (units, examples), a "
                "list of S seeds (S, units, examples)."
            )
        self.keep_prob = float(keep_prob)
        self.shape = (*shape[:-1], 1) if mask_mode == "shared" else tuple(shape)
        self.device = torch.device(device)
        self._streams = [MaskStream(one, stage, purpose) for one in (seed if batched else [seed])]
        self._batched = batched

    def mask(self, draw: Draw, out: Tensor | None = None) -> Tensor:
        """Draw which units are kept, bool of shape ``self.shape``; into ``out`` if given."""
        if out is None:
            out = torch.empty(self.shape, dtype=torch.bool, device=self.device)
        for stream, piece in zip(self._streams, out if self._batched else [out], strict=True):
            stream.kept_columns(draw, self.keep_prob, piece)
        return out
