"""SplitMix64 against published outputs, the masks that are drawn from it, and its permutations."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dropscape.numerics.split_mix import (
    DRAW_STEP,
    DRAWS,
    GOLDEN,
    STRIDE,
    fill,
    kept_units,
    largest_kept_draw,
    outputs,
    padded,
    shuffle,
    words_of,
)


def test_outputs_are_the_published_ones():
    """Those from the state 1234567, as the generator's many implementations agree on them."""
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert outputs(1234567, 0, 5).tolist() == published
    assert outputs(1234567, 3, 2).tolist() == published[3:], "an output needs none before it"


@pytest.mark.parametrize("threshold", [1, 0x12345678, 0x80000000, 0xF0000000, 0xFFFFFFFF, 2**32])
def test_a_mask_compares_the_halves_of_outputs_the_lower_one_first(threshold):
    halves = [half for output in outputs(1234567, 0, 5).tolist() for half in (output & 0xFFFFFFFF, output >> 32)]
    mask = kept_units(1234567, 0, 10, 1, threshold / 2**32)
    assert mask[0].tolist() == [half < threshold for half in halves]


def test_thresholds_between_neighbouring_outputs_decide():
    """Every one of the 32 bits counts: a unit is dropped at the threshold itself and kept one above it."""
    half = outputs(1234567, 0, 1).item() >> 32
    assert not kept_units(1234567, 0, 2, 1, half / 2**32)[0, 1]
    assert kept_units(1234567, 0, 2, 1, (half + 1) / 2**32)[0, 1]


def test_the_smallest_probability_is_not_zero_and_1_keeps_everything():
    assert largest_kept_draw(1e-30) == 0 and largest_kept_draw(1.0) == 2**32 - 1 and largest_kept_draw(0.5) == 2**31 - 1


@given(st.floats(min_value=2**-32, max_value=1.0))
def test_the_probability_is_exact_to_32_bits(keep_prob):
    kept = Fraction(int(largest_kept_draw(keep_prob)) + 1, 2**32)
    assert abs(kept - Fraction(keep_prob)) <= Fraction(1, 2**33)


@pytest.mark.parametrize("units, examples", [(1, 1), (32, 3), (33, 1), (101, 7)])
def test_examples_of_a_draw_take_one_stretch_of_the_outputs_after_another(units, examples):
    words = words_of(units)
    for step in (0, 1, 2, DRAWS - 1):
        whole = outputs(99, step * STRIDE, words * examples).astype("<u8").view("<u4").reshape(examples, -1)
        expected = whole[:, :units] < 0x60000000
        assert np.array_equal(kept_units(99, step, units, examples, 0x60000000 / 2**32), expected)
        assert np.array_equal(kept_units(99, step, units, 1, 0x60000000 / 2**32, examples - 1), expected[-1:])


def test_all_draws_of_a_stream_are_all_outputs():
    assert STRIDE * DRAWS == 2**64


@pytest.mark.parametrize("units, examples", [(1, 1), (32, 3), (33, 1), (100, 7)])
def test_the_compiled_draws_are_those_masks(units, examples):
    step, words = 5, np.empty(padded(units) // 2, np.uint64)
    for example in range(examples):
        state = 99 + step * int(DRAW_STEP) + (example * words_of(units) + 1) * int(GOLDEN)
        fill(words, np.uint64(state % 2**64))
        mask = words.view(np.uint32)[:units] <= largest_kept_draw(0.3)
        assert np.array_equal(mask, kept_units(99, step, units, examples, 0.3)[example])


def permutation(count, state, epoch):
    order = np.empty(count, np.int64)
    shuffle(order, np.uint64(state), epoch)
    return tuple(order.tolist())


def test_a_shuffle_is_a_permutation_of_its_own_for_every_epoch_and_state():
    drawn = {(state, epoch): permutation(20, state, epoch) for state in (1, 2**63) for epoch in (0, 1, 2, 10**9)}
    assert all(sorted(order) == list(range(20)) for order in drawn.values())
    assert len(set(drawn.values())) == len(drawn)
    assert permutation(20, 1, 0) == drawn[1, 0]
    assert permutation(1, 1, 0) == (0,)


def test_every_permutation_is_equally_likely():
    orders = Counter(permutation(4, 7, epoch) for epoch in range(4800))
    assert len(orders) == 24
    assert stats.chisquare(list(orders.values())).pvalue > 1e-4
