import math

import numpy as np
import pytest
from scipy.stats import linregress

from dropscape.numerics.orders import above_noise, convergence_order

RATES = np.array([0.4, 0.2, 0.1, 0.05])


def order_of(norms, errors, rates=RATES):
    """Of norms with standard errors, to first order in the latter."""
    norms, errors = np.asarray(norms, dtype=float), np.asarray(errors, dtype=float)
    return convergence_order(rates, norms**2, 2 * norms * errors)


def test_the_slope_of_a_power_law_and_what_the_norms_errors_do_to_it():
    rng = np.random.default_rng(0)
    exact = order_of(3 * RATES**2, 0.02 * RATES**2)
    assert exact.fit.slope == pytest.approx(2.0) and exact.hidden == 0
    slopes = [order_of(RATES**2 * (3 + 0.02 * rng.standard_normal(4)), np.zeros(4)).fit.slope for _ in range(1000)]
    assert np.std(slopes) == pytest.approx(exact.sampling_error, rel=0.1)


def test_bounds_are_those_of_the_larger_standard_error():
    exact = order_of(3 * RATES, 0.3 * RATES)  # on a line, known to a tenth
    margin = 1.959964 * exact.sampling_error
    assert exact.bounds == pytest.approx((1 - margin, 1 + margin)) and margin > 0.1
    bent = order_of(3 * RATES * [1.0, 1.2, 1.2, 1.0], 1e-6 * RATES)  # off a line, known well
    half = 1.959964 * linregress(np.log(RATES), np.log(3 * RATES * [1.0, 1.2, 1.2, 1.0])).stderr
    assert bent.bounds == pytest.approx((bent.fit.slope - half, bent.fit.slope + half)) and half > 0.05


def test_bounds_cover_the_order_of_noisy_norms():
    """Where all of the scatter is sampling error: 1,000 slopes, at least 950 covers less four standard deviations."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(1000):
        low, high = order_of(RATES * (1 + 0.05 * rng.standard_normal(4)), 0.05 * RATES).bounds
        covered += low <= 1 <= high
    assert covered > 950 - 4 * 6.9


def test_what_the_noise_hides_is_left_out_and_counted():
    squared, error = np.array([0.16, 0.04, -1.0, 0.0025]), np.array([1e-4, 1e-4, 1.0, 1e-4])
    assert above_noise(squared, error).tolist() == [True, True, False, True]
    order = convergence_order(RATES, squared, error)
    assert order.fit.slope == pytest.approx(1.0) and (order.fit.points, order.hidden) == (3, 1)
    # A positive estimate within two standard errors of 0 is as good as none, wherever it lies.
    hidden = convergence_order(RATES, [0.16, 0.04, 0.9, 0.0025], [1e-4, 1e-4, 0.5, 1e-4])
    assert (hidden.fit.slope, hidden.hidden) == (order.fit.slope, 1)
    assert not above_noise(math.nan, 1.0) and not above_noise(0.0, 0.0)


def test_too_few_norms_have_no_order():
    for count in range(3):
        order = order_of(RATES, [0.001 if index < count else 10 for index in range(4)])
        assert math.isnan(order.fit.slope) and math.isnan(order.scatter_error) and order.hidden == 4 - count
        assert all(map(math.isnan, order.bounds))
