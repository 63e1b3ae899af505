"""Thirty-two numbers at once: tanh against float64, masks against SplitMix64 as published, sums against exact ones."""

import math

import numpy as np
import pytest
from numba import njit

from dropscape.numerics import lanes
from dropscape.numerics.lanes import (
    ALL,
    LANES,
    STRIDE,
    Truths,
    address,
    below,
    fma,
    greatest,
    least,
    load,
    number,
    only,
    positive,
    splat,
    square_root,
    store,
    store_truths,
    total,
    truths_at,
)
from dropscape.numerics.split_mix import outputs


@njit
def _tanh(z, out):
    for place in range(0, len(z), LANES):
        store(address(out), place, lanes.tanh(load(address(z), place)))


def tanh(values):
    """The function of any number of values."""
    z = np.zeros(-(-len(values) // LANES) * LANES, np.float32)
    z[: len(values)] = values
    out = np.full_like(z, np.nan)
    _tanh(z, out)
    return out[: len(values)]


def test_tanh_is_within_its_bounds():
    """4 units in the last place, 2.5e-7 relative, and 1 at the most, over all magnitudes and densely where it bends."""
    generator = np.random.default_rng(0)
    sizes = 10 ** generator.uniform(-37, 38, 300_000)
    z = np.concatenate([np.linspace(-13, 13, 2_000_001), sizes, -sizes, 10 ** generator.uniform(-4, 1, 500_000)])
    z = z.astype(np.float32)
    ours, exact = tanh(z).astype(np.float64), np.tanh(z.astype(np.float64))
    error = np.abs(ours - exact)
    assert (error / np.spacing(np.abs(exact).astype(np.float32))).max() < 4
    assert (error[exact != 0] / np.abs(exact[exact != 0])).max() < 2.5e-7
    assert np.abs(ours).max() == 1
    assert error.max() > 0, "it is float32"


def test_tanh_of_what_is_no_number():
    assert list(tanh([0.0, np.inf, -np.inf, 3e38, -3e38])) == [0, 1, -1, 1, -1]
    assert np.isnan(tanh([np.nan])[0]), "a training that diverged must not look finite"


def test_tanh_is_odd():
    z = np.random.default_rng(1).normal(size=10_000).astype(np.float32)
    np.testing.assert_allclose(tanh(-z), -tanh(z), rtol=5e-7)


@njit
def _truths(seed, threshold, out):
    state = np.uint64(seed)
    for place in range(len(out)):
        store_truths(address(out), place, below(state, np.uint32(threshold)))
        state += STRIDE


def truths(seed, threshold, count):
    """``count`` times LANES of them, bool."""
    packed = np.zeros(count, Truths)
    _truths(np.uint64(seed), threshold, packed)
    return np.unpackbits(packed.view(np.uint8), bitorder="little").astype(bool)


OUTPUTS = outputs(1234567, 0, 5).tolist()  # test_split_mix holds them against published ones


@pytest.mark.parametrize("threshold", [1, 0x12345678, 0x80000000, 0xF0000000, 0xFFFFFFFF])
def test_truths_compare_the_halves_of_splitmix64_outputs(threshold):
    halves = [half for output in OUTPUTS for half in (output & 0xFFFFFFFF, output >> 32)]
    ours = truths(1234567, threshold, 1)
    assert list(ours[: len(halves)]) == [half < threshold for half in halves]


def test_thresholds_between_neighbouring_outputs_decide():
    """Every one of the 32 bits counts: at the threshold itself a lane is false, one above it is true."""
    half = OUTPUTS[0] >> 32
    assert not truths(1234567, half, 1)[1]
    assert truths(1234567, half + 1, 1)[1]


def test_successive_truths_go_on_in_the_same_sequence():
    whole = truths(99, 0x60000000, 6)
    assert np.array_equal(truths(99 + 2 * int(STRIDE) % 2**64, 0x60000000, 4), whole[2 * LANES :])


@njit
def _arithmetic(a, b, out, entry):
    x, y = load(address(a), 0), load(address(b), 0)
    values = (
        x + y,
        x - y,
        x * y,
        x / y,
        -x,
        fma(x, y, x),
        square_root(x * x),
        least(x, y),
        greatest(x, y),
        only(positive(x), y),
        splat(np.float32(2.5)),
        number(address(b), entry),
    )
    place = 0
    for value in values:
        store(address(out), place, value)
        place += LANES
    return total(x)


@pytest.fixture
def pair():
    generator = np.random.default_rng(2)
    return (generator.normal(size=LANES).astype(np.float32) for _ in range(2))


def test_arithmetic_is_that_of_every_lane(pair):
    a, b = pair
    out = np.zeros(12 * LANES, np.float32)
    _arithmetic(a, b, out, 5)
    expected = [a + b, a - b, a * b, a / b, -a, a.astype(float) * b + a, abs(a), np.minimum(a, b), np.maximum(a, b)]
    expected += [np.where(a > 0, b, 0), np.full(LANES, 2.5), np.full(LANES, b[5])]
    for ours, exact in zip(out.reshape(-1, LANES), expected, strict=True):
        np.testing.assert_allclose(ours, exact, rtol=2e-6, atol=1e-7)


def test_a_total_is_summed_in_float64(pair):
    a, b = pair
    a[:4] = 1e8, 1, -1e8, 1e-8
    out = np.zeros(12 * LANES, np.float32)
    assert _arithmetic(a, b, out, 0) == pytest.approx(math.fsum(a.astype(np.float64)), rel=1e-9)


def test_the_second_of_a_pair_stays_where_it_is_no_number():
    """So NaN goes through both limits of tanh."""
    a, b = np.ones(LANES, np.float32), np.full(LANES, np.nan, np.float32)
    out = np.zeros(12 * LANES, np.float32)
    _arithmetic(a, b, out, 0)
    smaller, larger = out.reshape(-1, LANES)[7:9]
    assert np.isnan(smaller).all()
    assert np.isnan(larger).all()


def test_no_number_does_not_count_as_not_positive():
    """So NaN goes through a relu."""
    a, b = np.full(LANES, np.nan, np.float32), np.ones(LANES, np.float32)
    out = np.zeros(12 * LANES, np.float32)
    _arithmetic(a, b, out, 0)
    assert (out.reshape(-1, LANES)[9] == 1).all()


@njit
def _copied(packed, out):
    for place in range(len(packed)):
        store_truths(address(out), place, truths_at(address(packed), place) & ALL)


def test_truths_are_stored_whole():
    packed = np.random.default_rng(3).integers(2**32, size=7).astype(Truths)
    out = np.zeros_like(packed)
    _copied(packed, out)
    assert np.array_equal(out, packed)
