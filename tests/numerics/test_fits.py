import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dropscape.numerics.fits import power_law, spearman
from dropscape.numerics.intervals import bootstrap_interval


@given(st.floats(-3, 3), st.floats(-5, 5), st.integers(3, 40))
def test_recovers_an_exact_power_law(slope, intercept, count):
    x = np.logspace(-4, 3, count)
    fit = power_law(x, 10**intercept * x**slope)
    assert fit.slope == pytest.approx(slope, abs=1e-9)
    assert fit.intercept == pytest.approx(intercept, abs=1e-9)
    assert fit.slope_low == pytest.approx(slope, abs=1e-6) and fit.slope_high == pytest.approx(slope, abs=1e-6)
    assert (fit.points, fit.undefined) == (count, 0)


def test_matches_the_normal_equations_with_their_textbook_interval():
    rng = np.random.default_rng(0)
    x = np.logspace(-6, 0, 25)
    y = 3 * x**-0.4 * np.exp(0.3 * rng.standard_normal(25))
    design = np.column_stack([np.ones(25), np.log10(x)])
    beta = np.linalg.solve(design.T @ design, design.T @ np.log10(y))
    residual = np.log10(y) - design @ beta
    error = math.sqrt(residual @ residual / 23 * np.linalg.inv(design.T @ design)[1, 1])
    quantile = 2.0686576104190406  # Student's t, 23 degrees of freedom, 97.5 %, from tables
    fit = power_law(x, y)
    np.testing.assert_allclose([fit.intercept, fit.slope], beta, rtol=1e-10)
    np.testing.assert_allclose(
        [fit.slope_low, fit.slope_high], [beta[1] - quantile * error, beta[1] + quantile * error], rtol=1e-9
    )
    np.testing.assert_allclose(fit.r_squared, 1 - residual.var() / np.log10(y).var(), rtol=1e-10)
    narrow = power_law(x, y, level=0.5)
    assert fit.slope_low < narrow.slope_low < fit.slope < narrow.slope_high < fit.slope_high


def test_interval_covers_the_true_slope_as_often_as_it_says():
    # 1,000 fits: 950 covers expected, standard deviation 6.9.
    rng = np.random.default_rng(1)
    x = np.logspace(0, 2, 8)
    fits = [power_law(x, x * 10 ** rng.standard_normal(8)) for _ in range(1000)]
    covered = sum(fit.slope_low <= 1 <= fit.slope_high for fit in fits)
    assert abs(covered - 950) < 4 * 6.9


def test_pairs_without_a_logarithm_are_left_out_and_counted():
    x = np.array([1, 10, 100, 1000, 0, -1, np.nan, 5, 5, np.inf])
    y = np.array([2, 20, 200, 2000, 1, 1, 1, -3, np.nan, 1])
    fit = power_law(x, y)
    assert (fit.points, fit.undefined) == (4, 6)
    assert fit.slope == pytest.approx(1) and fit.intercept == pytest.approx(math.log10(2))


def test_undefined_fits_are_nan():
    for x, y, points in (([1, 2], [1, 2], 2), ([3, 3, 3, 3], [1, 2, 3, 4], 4), ([], [], 0)):
        fit = power_law(x, y)
        assert math.isnan(fit.slope) and math.isnan(fit.slope_low) and math.isnan(fit.r_squared)
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


def test_bootstrap_bounds_of_spearmans_correlation_have_their_large_sample_width():
    rng = np.random.default_rng(4)
    x = np.exp(rng.standard_normal(295))
    y = x**-2 * np.exp(rng.standard_normal(295))
    result = bootstrap_interval(spearman, [np.column_stack([x, y])], seed=0, purpose="test")
    assert result.value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert -1 <= result.low < result.value < result.high < 0
    # Width of a Spearman interval on Fisher's scale (Bonett and Wright 2000): within a quarter.
    width = 2 * 1.96 * math.sqrt((1 + result.value**2 / 2) / 292)
    assert np.arctanh(result.high) - np.arctanh(result.low) == pytest.approx(width, rel=0.25)


def test_bootstrap_bounds_of_a_monotone_relation_are_exact():
    x = np.arange(1.0, 40)
    result = bootstrap_interval(spearman, [np.column_stack([x, -(x**3)])], seed=0, purpose="monotone")
    assert result.value == pytest.approx(-1) and result.high == pytest.approx(-1)


def test_vectors_must_pair():
    with pytest.raises(ValueError, match="one length"):
        power_law([1, 2, 3], [1, 2])
