"""The search for the closest crossing, on losses that are given as functions of the distance."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from dropscape.flatness.crossing import GROWTH, first_crossings


def search(ratio, factors=(2.0,), slope=0.0, curvature=math.nan, scale=1.0, reach=1e6, tolerance=1e-9):
    """The crossings and the samples of one search on ``ratio``, the loss over its value at 0."""
    generator = first_crossings([math.log(factor) for factor in factors], slope, curvature, scale, reach, tolerance)
    samples = []
    try:
        distance = next(generator)
        while True:
            samples.append(distance)
            distance = generator.send(ratio(distance))
    except StopIteration as done:
        return done.value, samples


def lenient(function):
    """Python raises where floating-point hardware answers inf."""

    def answer(t):
        try:
            return function(t)
        except OverflowError:
            return math.inf

    return answer


@pytest.mark.parametrize("curvature", [2e-8, 2e-2, 2.0, 2e8])
@pytest.mark.parametrize("known", [True, False])
def test_quadratic_loss_in_closed_form(curvature, known):
    crossings, samples = search(
        lambda t: 1 + curvature * t * t / 2, (1.5, 2.0, 4.0), curvature=curvature if known else math.nan
    )
    expected = [math.sqrt(2 * rise / curvature) for rise in (0.5, 1.0, 3.0)]
    np.testing.assert_allclose(crossings, expected, rtol=1e-9)
    assert len(samples) < 50


@pytest.mark.parametrize("slope", [-5.0, -0.1, 0.1, 5.0])
def test_start_away_from_the_minimum(slope):
    """1 + s t + t^2 with s < 0 first falls; the crossing is the root beyond the valley."""
    (crossing,), _ = search(lambda t: 1 + slope * t + 7 * t * t, slope=slope, curvature=14.0)
    assert crossing == pytest.approx((-slope + math.sqrt(slope**2 + 28)) / 14, rel=1e-9)


def test_loss_that_passes_zero_on_its_way():
    (crossing,), _ = search(lambda t: (1 - t) ** 2, slope=-2.0, curvature=2.0, tolerance=1e-12)
    assert crossing == pytest.approx(1 + math.sqrt(2), rel=1e-11)


@settings(deadline=None, max_examples=300)
@given(
    width=st.floats(1e-3, 5e3),
    power=st.sampled_from([1, 1.5, 2, 4, 8]),
    shape=st.sampled_from(["power", "cosh", "log", "step", "kinks"]),
    known=st.booleans(),
)
def test_monotone_losses(width, power, shape, known):
    """Widths over seven decades, losses from logarithmic to exponential, smooth, kinked and discontinuous."""
    ratio = lenient(
        {
            "power": lambda t: 1 + (t / width) ** power,
            "cosh": lambda t: math.cosh(t / width),
            "log": lambda t: 1 + math.log1p((t / width) ** power),
            "step": lambda t: 1.0 if t < width else 5.0,
            "kinks": lambda t: 1 + max(0.3 * t / width, 4 * t / width - 3),
        }[shape]
    )
    (crossing,), samples = search(ratio, curvature=2 / width**2 if known else math.nan)
    if shape == "step":
        expected = width
    else:
        expected = brentq(lambda t: min(ratio(t), 10.0) - 2, 0, 100 * width, xtol=1e-15, rtol=1e-14)
    assert crossing == pytest.approx(expected, rel=2e-8 if shape == "step" else 5e-9)
    assert len(samples) < 80


def test_evaluations_on_a_typical_profile():
    """A mean of exponentials, like the cross-entropy near its end: some four values a side for 1e-6."""
    rates = np.linspace(-3, 4, 50)
    _, samples = search(
        lambda t: np.exp(rates * t).mean(), slope=rates.mean(), curvature=(rates**2).mean(), tolerance=1e-6
    )
    assert len(samples) <= 4


def test_closest_of_several_crossings():
    """Up through the level at 0.5 (a bump that ends near 3), down again, up for good near 10."""

    def ratio(t):
        return 1 + 3 * math.exp(-((t - 1.5) ** 2)) - 3 * math.exp(-(1.5**2)) + (t / 10) ** 4

    expected = brentq(lambda t: ratio(t) - 2, 0, 1.5)
    for curvature in (math.nan, 5e-3, 0.5, 50.0):
        (crossing,), _ = search(ratio, curvature=curvature)
        assert crossing == pytest.approx(expected, rel=1e-8)


@settings(deadline=None, max_examples=200)
@given(
    amplitudes=st.lists(st.floats(-1, 1), min_size=4, max_size=4),
    period=st.floats(0.2, 5),
    known=st.booleans(),
)
def test_samples_below_the_crossing_are_below_the_level_and_close(amplitudes, period, known):
    """The stated resolution: below the crossing no sample is above the level, and no gap exceeds a doubling."""

    def ratio(t):
        waves = sum(a * math.sin((k + 1) * t / period) ** 2 for k, a in enumerate(amplitudes))
        return math.exp(waves + 0.05 * t * t)

    (crossing,), samples = search(ratio, curvature=1.0 if known else math.nan)
    assert ratio(crossing) == pytest.approx(2, rel=1e-5)
    below = sorted(t for t in samples if t < crossing * (1 - 1e-8))
    assert all(ratio(t) < 2 for t in below)
    # the sample that measures the curvature comes before the resolution begins
    resolved = below if known else below[1:]
    assert all(b <= GROWTH * a * (1 + 1e-12) for a, b in itertools.pairwise(resolved))
    assert below[-1] >= crossing / GROWTH * (1 - 1e-8)


def test_factors_share_samples_and_agree_with_single_searches():
    def ratio(t):
        return 0.7 * math.exp(0.9 * t) + 0.3 * math.exp(-t)

    factors = (1.5, 2.0, 3.0, 4.0)
    together, samples = search(ratio, factors, slope=0.33, curvature=0.867)
    apart = [search(ratio, (factor,), slope=0.33, curvature=0.867) for factor in factors]
    np.testing.assert_allclose(together, [crossing for (crossing,), _ in apart], rtol=1e-8)
    assert len(samples) < sum(len(single) for _, single in apart)


def test_no_crossing_within_reach_and_beyond_it():
    crossings, samples = search(lambda t: 1 + t / 100, (1.5, 2.0, 3.0), slope=0.01, curvature=0.0, reach=150.0)
    assert crossings[:2] == pytest.approx([50, 100]) and math.isnan(crossings[2])
    assert max(samples) == 150.0
    assert math.isnan(search(lambda t: 1.0, curvature=0.0)[0][0])
    assert math.isnan(search(lambda t: math.exp(-t), slope=-1.0, curvature=1.0)[0][0])


def test_loss_that_levels_off_below_the_level():
    """Extrapolating a loss that levels off is wild; no candidate of it may pass for a crossing."""
    for low in (0.2, 0.5, 0.9, 1.0, 1.5, 1.9, 1.999):
        for rate in (0.003, 0.05, 0.3):

            def ratio(t, low=low, rate=rate):
                return low + (1 - low) * math.exp(-rate * t)

            slope, curvature = -rate * (1 - low), rate**2 * (1 - low)
            for known in (curvature, math.nan):
                assert math.isnan(search(ratio, slope=slope, curvature=known, tolerance=1e-6)[0][0])


@pytest.mark.parametrize("far_out", [math.inf, math.nan])
def test_loss_that_leaves_the_numbers_counts_as_above(far_out):
    (crossing,), _ = search(lambda t: 1 + t**2 if t < 3 else far_out, (5.0,), curvature=1e-9)
    assert crossing == pytest.approx(2.0)
    (edge,), _ = search(lambda t: 1 + t**2 if t < 3 else far_out, (20.0,), curvature=2.0)
    assert edge == pytest.approx(3.0)
