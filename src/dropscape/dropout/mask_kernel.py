"""Masks on a GPU in one kernel of Triton's, which draws, scales and multiplies.

It computes the outputs of ``numerics.split_mix`` that ``MaskStream`` says; what the torch operations in its place would
write to memory and read again, some forty bytes for each number, stays in registers.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 1024  # outputs of one program at most, each for two units


@triton.jit(do_not_specialize=["state", "draw_step", "units", "words", "limit"])
def _mask(
    x, out, draw, state: tl.int64, draw_step: tl.int64, units: tl.int64, words: tl.int64, limit: tl.int64,
    SCALE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    example = tl.program_id(0).to(tl.int64)
    word = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    steps = tl.load(draw).to(tl.uint64, bitcast=True) * draw_step.to(tl.uint64, bitcast=True)
    golden = tl.full((), 0x9E3779B97F4A7C15, tl.uint64)
    value = state.to(tl.uint64, bitcast=True) + steps + (example * words + word).to(tl.uint64) * golden
    value = (value ^ (value >> 30)) * tl.full((), 0xBF58476D1CE4E5B9, tl.uint64)
    value = (value ^ (value >> 27)) * tl.full((), 0x94D049BB133111EB, tl.uint64)
    value = value ^ (value >> 31)
    low, high = (value & 0xFFFFFFFF).to(tl.int64), (value >> 32).to(tl.int64)
    unit = word * 2
    place, here, both = example * units + unit, unit < units, unit + 1 < units
    even, odd = tl.load(x + place, mask=here), tl.load(x + place + 1, mask=both)
    if x.dtype.element_ty == tl.bfloat16:  # rounded once
        even, odd = even.to(tl.float32), odd.to(tl.float32)
    tl.store(out + place, tl.where(low <= limit, even * SCALE, 0.0).to(out.dtype.element_ty), mask=here)
    tl.store(out + place + 1, tl.where(high <= limit, odd * SCALE, 0.0).to(out.dtype.element_ty), mask=both)


def mask_rows(x: Tensor, draw: Tensor, state: int, draw_step: int, words: int, limit: int, scale: float) -> Tensor:
    """Compute x * scale where a unit is kept and 0 elsewhere, for contiguous x (examples, units).

    ``draw`` is an int64 scalar on the device; ``state``, that of the first output in draw 0, and ``draw_step`` have the
    bits of uint64 as int64.
    """
    out = torch.empty_like(x)
    if x.numel():
        block = min(_BLOCK, triton.next_power_of_2(words))
        # The scale as a constant: an argument would be rounded to float32.
        _mask[(len(x), triton.cdiv(words, block))](
            x, out, draw, state, draw_step, x.shape[1], words, limit, SCALE=scale, BLOCK=block
        )
    return out
