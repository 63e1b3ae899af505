"""SplitMix64: a generator of 64 bits whose n-th output needs none before it (Steele, Lea and Flood, 2014).

Output n of the generator that starts at a state is a mixture of state + (n + 1) GOLDEN, so that what is drawn is a
function of its number: the same bits on every device, for any micro-batch and number of threads, with nothing to save.

All dropout masks are drawn from halves of these outputs. The state is that of a seed, stage, purpose and layer
(``seeds.derived_seed``). Draw t has the outputs from t STRIDE on; unit u of its example e takes a half of output
e W + u // 2, W = ceil(units / 2), the lower half if u is even. It is kept if the half, of 32 bits, is at most
``largest_kept_draw``.
"""

import numpy as np
from numba import njit

from dropscape.numerics.compiled_loops import vectorised

BLOCK = 32  # units that compiled trainings compute at once
STRIDE = 1 << 36  # outputs of a draw; of two streams none is likely to have outputs of the other
DRAWS = 1 << 28  # draws of a stream, which then has used all outputs
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
DRAW_STEP = np.uint64(STRIDE * int(GOLDEN) % 2**64)  # what a draw adds to the state

_SHIFT_1, _SHIFT_2, _SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
FACTOR_1, FACTOR_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def _mixed(value):
    value = (value ^ (value >> _SHIFT_1)) * FACTOR_1
    value = (value ^ (value >> _SHIFT_2)) * FACTOR_2
    return value ^ (value >> _SHIFT_3)


mixed = njit(inline="always")(_mixed)


def outputs(state: int, first: int, count: int) -> np.ndarray:
    """Compute the outputs ``first`` to ``first + count - 1`` of the generator that starts at ``state``, uint64."""
    numbers = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(first)
    return _mixed(np.uint64(state) + numbers * GOLDEN)


def words_of(units: int) -> int:
    """W, how many outputs the units of one example take."""
    return (units + 1) // 2


def padded(units: int) -> int:
    """Round the number of units up to whole blocks."""
    return -(-units // BLOCK) * BLOCK


def largest_kept_draw(keep_prob: float) -> np.uint32:
    """Return the largest draw that keeps a unit; the probability of that is ``keep_prob`` to 2^-33, and not zero."""
    return np.uint32(max(round(keep_prob * 2**32), 1) - 1)


def kept_units(state: int, draw: int, units: int, examples: int, keep_prob: float, start: int = 0) -> np.ndarray:
    """Draw which units are kept for examples from ``start`` on: bool (examples, units). The definition, not the way."""
    words = words_of(units)
    halves = outputs(state, draw * STRIDE + start * words, examples * words).astype("<u8").view("<u4")
    return halves.reshape(examples, -1)[:, :units] <= largest_kept_draw(keep_prob)


@vectorised
def fill(words, state):
    """Write outputs one after the other, uint64, of which the first is the mixture of ``state``."""
    for index in range(len(words)):
        words[index] = mixed(state + np.uint64(index) * GOLDEN)


@njit
def shuffle(order, state, epoch):
    """Write a permutation of 0 to len(order) - 1: a Fisher-Yates shuffle with outputs that no other epoch uses.

    ``order`` is int64, ``state`` that of the generator, uint64.
    """
    count = len(order)
    order[:] = np.arange(count)
    for last in range(count - 1, 0, -1):
        value = mixed(state + (np.uint64(epoch) * np.uint64(count) + np.uint64(last)) * GOLDEN)
        other = np.int64(value % np.uint64(last + 1))
        order[last], order[other] = order[other], order[last]
