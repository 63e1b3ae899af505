import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dropscape.numerics.fits import power_law, spearman


@given(st.floats(-3, 3), st.floats(-5, 5), st.integers(3, 40))
def test_recovers_an_exact_power_law(slope, intercept, count):
    x = np.logspace(-4, 3, count)
    fit = power_law(x, 10**intercept * x**slope)
    assert fit.slope == pytest.approx(slope, abs=1e-9)
    assert fit.intercept == pytest.approx(intercept, abs=1e-9)
    assert (fit.points, fit.undefined) == (count, 0)


def test_matches_the_normal_equations():
    rng = np.random.default_rng(0)
    x = np.logspace(-6, 0, 25)
    y = 3 * x**-0.4 * np.exp(0.3 * rng.standard_normal(25))
    design = np.column_stack([np.ones(25), np.log10(x)])
    beta = np.linalg.solve(design.T @ design, design.T @ np.log10(y))
    residual = np.log10(y) - design @ beta
    fit = power_law(x, y)
    np.testing.assert_allclose([fit.intercept, fit.slope], beta, rtol=1e-10)
    np.testing.assert_allclose(fit.r_squared, 1 - residual.var() / np.log10(y).var(), rtol=1e-10)


def test_pairs_without_a_logarithm_are_left_out_and_counted():
    x = np.array([1, 10, 100, 1000, 0, -1, np.nan, 5, 5, np.inf])
    y = np.array([2, 20, 200, 2000, 1, 1, 1, -3, np.nan, 1])
    fit = power_law(x, y)
    assert (fit.points, fit.undefined) == (4, 6)
    assert fit.slope == pytest.approx(1) and fit.intercept == pytest.approx(math.log10(2))


def test_undefined_fits_are_nan():
    for x, y, points in (([1, 2], [1, 2], 2), ([3, 3, 3, 3], [1, 2, 3, 4], 4), ([], [], 0)):
        fit = power_law(x, y)
        assert math.isnan(fit.slope) and math.isnan(fit.r_squared)
        assert fit.points == points
    constant = power_law([1, 10, 100], [2, 2, 2])
    assert constant.slope == 0 and math.isnan(constant.r_squared)


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=30))
def test_spearman_is_scipys(pairs):
    pairs = np.array(pairs, dtype=float)
    value = spearman(pairs)
    if np.ptp(pairs[:, 0]) == 0 or np.ptp(pairs[:, 1]) == 0:
        assert math.isnan(value)
    else:
        assert value == pytest.approx(stats.spearmanr(pairs[:, 0], pairs[:, 1]).statistic, abs=1e-12)


def test_vectors_must_pair():
    with pytest.raises(ValueError, match="one length"):
        power_law([1, 2, 3], [1, 2])
