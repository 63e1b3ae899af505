"""Masks on a processor, compiled: drawn as fast as the numbers that they multiply are read.

Outputs of the generator go through a buffer that stays in a core's registers and first cache, so that their mixing and
the comparison of their halves each become SIMD instructions.
"""

from collections.abc import Callable

import numpy as np

from dropscape.numerics.compiled_loops import SOURCES, cached
from dropscape.numerics.split_mix import GOLDEN, fill, mixed

_BUFFER = 32  # outputs


def _compiled(sources: int) -> tuple[Callable, Callable, Callable]:
    def mask_rows(x, out, state, words, limit, scale):
        _ = sources
        examples, units = x.shape
        buffer = np.empty(min(_BUFFER, np.int64(words)), np.uint64)
        halves, zero = buffer.view(np.uint32), x.dtype.type(0)
        for example in range(examples):
            start = state + np.uint64(example) * words * GOLDEN
            for first in range(0, units, len(halves)):
                fill(buffer, start + np.uint64(first // 2) * GOLDEN)
                count = min(len(halves), units - first)
                source, target = x[example, first : first + count], out[example, first : first + count]
                for index in range(count):
                    target[index] = source[index] * scale if halves[index] <= limit else zero

    def draw_rows(out, state, words, limit):
        _ = sources
        examples, units = out.shape
        buffer = np.empty(min(_BUFFER, np.int64(words)), np.uint64)
        halves = buffer.view(np.uint32)
        for example in range(examples):
            start = state + np.uint64(example) * words * GOLDEN
            for first in range(0, units, len(halves)):
                fill(buffer, start + np.uint64(first // 2) * GOLDEN)
                count = min(len(halves), units - first)
                target = out[example, first : first + count]
                for index in range(count):
                    target[index] = halves[index] <= limit

    def draw_columns(out, state, words, limit):
        _ = sources
        units, examples = out.shape
        low, high, wide = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(limit)
        stride = words * GOLDEN
        for unit in range(0, units, 2):
            start = state + np.uint64(unit // 2) * GOLDEN
            even = out[unit]
            if unit + 1 < units:
                odd = out[unit + 1]
                for example in range(examples):
                    output = mixed(start + np.uint64(example) * stride)
                    even[example] = (output & low) <= wide
                    odd[example] = (output >> high) <= wide
            else:
                for example in range(examples):
                    even[example] = (mixed(start + np.uint64(example) * stride) & low) <= wide

    return cached(mask_rows), cached(draw_rows), cached(draw_columns)


# mask_rows: write x * scale where a unit is kept and 0 where not; x and out (examples, units) of one floating dtype.
# draw_rows, draw_columns: write what is kept, bool (examples, units) and (units, examples).
# All begin at the output that is the mixture of ``state``, uint64, the first example's; ``words`` uint64 and ``limit``
# uint32 are ``words_of`` the units and the ``largest_kept_draw``.
mask_rows, draw_rows, draw_columns = _compiled(SOURCES)
