"""Compiled loops: what is not a number stays so, sums are right, and they need no folder to write to."""

import math

import numpy as np
import pytest

from dropscape.numerics import compiled_loops
from dropscape.numerics.compiled_loops import aligned_zeros, cached, vectorised


@vectorised
def _sum(values):
    total = 0.0
    for value in values:
        total += np.float64(value)
    return total


@vectorised
def _positive_or_none(values, out):
    for index in range(len(values)):
        out[index] = np.float32(0) if values[index] <= np.float32(0) else values[index]


def test_a_sum_may_be_reordered_but_is_in_float64():
    values = np.random.default_rng(2).normal(size=1000).astype(np.float32)
    values[:4] = 1e8, 1, -1e8, 1e-8
    assert _sum(values) == pytest.approx(math.fsum(values.astype(np.float64)), rel=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(value):
    values = np.ones(1000, np.float32)
    values[123] = value
    assert str(_sum(values)) == str(float(value))
    out = np.zeros_like(values)
    _positive_or_none(values, out)
    np.testing.assert_array_equal(out, np.where(values <= 0, 0, values))


def test_a_division_by_zero_is_no_exception():
    divided = vectorised(lambda a, b: a / b)
    assert divided(1.0, 0.0) == math.inf
    assert math.isnan(divided(0.0, 0.0))


def test_without_a_folder_to_write_to_functions_are_compiled_all_the_same(monkeypatch):
    def without_a_folder(**options):
        if options.get("cache"):
            raise RuntimeError("no locator available")
        return lambda function: ("not kept", function)

    monkeypatch.setattr(compiled_loops, "njit", without_a_folder)
    assert cached(len) == ("not kept", len)


def test_zeros_start_at_a_cache_line():
    for shape in ((5,), (2, 3, 32), (1000, 32)):
        zeros = aligned_zeros(*shape)
        assert zeros.shape == shape and zeros.dtype == np.float32 and not zeros.any()
        assert zeros.ctypes.data % 64 == 0
