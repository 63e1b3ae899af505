"""SplitMix64: a generator of 64 bits whose n-th output needs none before it (Steele, Lea and Flood, 2014).

Output n of the generator that starts at a state is a mixture of state + (n + 1) GOLDEN, so that what a step of a
training draws follows from the number of the step.

The masks of compiled trainings are drawn from halves of these outputs, the lower half first. Units come in blocks of
``BLOCK``, which take ``WORDS`` outputs; those that fill the last block up are not used.
"""

import numpy as np
from numba import njit

from dropscape.numerics.compiled_loops import vectorised

BLOCK = 32
WORDS = BLOCK // 2
GOLDEN = np.uint64(0x9E3779B97F4A7C15)

_SHIFT_1, _SHIFT_2, _SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
_FACTOR_1, _FACTOR_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def _mixed(value):
    value = (value ^ (value >> _SHIFT_1)) * _FACTOR_1
    value = (value ^ (value >> _SHIFT_2)) * _FACTOR_2
    return value ^ (value >> _SHIFT_3)


_mixed_scalar = njit(_mixed)


def outputs(state: int, first: int, count: int) -> np.ndarray:
    """Compute the outputs ``first`` to ``first + count - 1`` of the generator that starts at ``state``, uint64."""
    numbers = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    return _mixed(np.uint64(state) + numbers * GOLDEN)


def padded(units: int) -> int:
    """Round the number of units up to whole blocks."""
    return -(-units // BLOCK) * BLOCK


def largest_kept_draw(keep_prob: float) -> np.uint32:
    """Return the largest draw that keeps a unit; the probability of that is ``keep_prob`` to 2^-33, and not zero."""
    return np.uint32(max(round(keep_prob * 2**32), 1) - 1)


def kept_units(state: int, step: int, units: int, columns: int, keep_prob: float) -> np.ndarray:
    """Draw the masks of a step (counted from 0): bool (units, columns), True where a unit is kept.

    Block b of column c takes the outputs from (step B C + b C + c) WORDS on, with B blocks and C columns.
    """
    words = padded(units) // BLOCK * columns * WORDS
    draws = outputs(state, step * words, words).astype("<u8").view("<u4").reshape(-1, columns, BLOCK)
    return draws.transpose(0, 2, 1).reshape(-1, columns)[:units] <= largest_kept_draw(keep_prob)


def mask_offsets(units: int, columns: int) -> np.ndarray:
    """Compute what to add to a state for the outputs of the first column, uint64 (padded(units) / 2,)."""
    block, word = np.divmod(np.arange(padded(units) // 2, dtype=np.uint64), np.uint64(WORDS))
    return (block * np.uint64(columns * WORDS) + word + np.uint64(1)) * GOLDEN


@vectorised
def draw(words, offsets, state):
    """Write the outputs of one column: the mixtures of ``state`` + ``offsets``, uint64."""
    for index in range(len(words)):
        words[index] = _mixed_scalar(state + offsets[index])


@njit
def shuffle(order, state, epoch):
    """Write a permutation of 0 to len(order) - 1: a Fisher-Yates shuffle with outputs that no other epoch uses.

    ``order`` is int64, ``state`` that of the generator, uint64.
    """
    count = len(order)
    order[:] = np.arange(count)
    for last in range(count - 1, 0, -1):
        value = _mixed_scalar(state + (np.uint64(epoch) * np.uint64(count) + np.uint64(last)) * GOLDEN)
        other = np.int64(value % np.uint64(last + 1))
        order[last], order[other] = order[other], order[last]
