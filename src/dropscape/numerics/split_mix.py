"""SplitMix64: a generator of 64 bits whose n-th output needs none before it (Steele, Lea and Flood, 2014).

Output n of the generator that starts at a state is a mixture of state + (n + 1) GOLDEN, so that what a step of a
training draws follows from the number of the step. Functions of scalars are compiled, those of arrays are numpy's.
"""

import numpy as np
from numba import njit

GOLDEN = 0x9E3779B97F4A7C15
MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))  # shifts and multipliers
LAST_SHIFT = 31

_GOLDEN = np.uint64(GOLDEN)
(_SHIFT_1, _FACTOR_1), (_SHIFT_2, _FACTOR_2) = ((np.uint64(shift), np.uint64(factor)) for shift, factor in MIX)
_SHIFT_3 = np.uint64(LAST_SHIFT)


def _mixed(value):
    value = (value ^ (value >> _SHIFT_1)) * _FACTOR_1
    value = (value ^ (value >> _SHIFT_2)) * _FACTOR_2
    return value ^ (value >> _SHIFT_3)


def outputs(state: int, first: int, count: int) -> np.ndarray:
    """Outputs ``first`` to ``first + count - 1`` of the generator that starts at ``state``, uint64."""
    numbers = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    return _mixed(np.uint64(state) + numbers * _GOLDEN)


_mixed_scalar = njit(_mixed)


@njit
def shuffle(order, state, epoch):
    """Write a permutation of 0 to len(order) - 1: a Fisher-Yates shuffle with outputs that no other epoch uses.

    Args:
        order: int64 array.
        state: uint64, that of the generator.
        epoch: number of the permutation.
    """
    count = len(order)
    for place in range(count):
        order[place] = place
    for place in range(count - 1, 0, -1):
        value = _mixed_scalar(state + (np.uint64(epoch) * np.uint64(count) + np.uint64(place)) * _GOLDEN)
        other = np.int64(value % np.uint64(place + 1))
        order[place], order[other] = order[other], order[place]
