import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropscape.errors import ConfigurationError
from dropscape.noise.pca import covariance_spectrum, held_out_variances


def _samples(count, variances, seed=0):
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((len(variances), len(variances))))[0]
    return rng.standard_normal((count, len(variances))) * np.sqrt(variances) @ rotation.T + rng.standard_normal()


@pytest.mark.parametrize("count", [60, 20, 10, 2])
def test_diagonalises_numpys_covariance(count):
    samples = _samples(count, np.logspace(0, -4, 20)).astype(np.float32)
    covariance = np.cov(samples.astype(np.float64), rowvar=False, bias=True)
    spectrum = covariance_spectrum(samples)
    kept = min(count - 1, 20)
    v = spectrum.eigenvectors
    assert spectrum.eigenvalues.shape == (kept,) and v.shape == (20, kept)
    assert spectrum.eigenvalues.dtype == v.dtype == np.float64
    assert (np.diff(spectrum.eigenvalues) <= 0).all()
    np.testing.assert_allclose(v.T @ v, np.eye(kept), atol=1e-12)
    np.testing.assert_allclose(v * spectrum.eigenvalues @ v.T, covariance, atol=1e-13)
    np.testing.assert_allclose(spectrum.total_variance, np.trace(covariance), rtol=1e-12)
    assert not spectrum.numerically_zero.any()


@pytest.mark.parametrize("count", [120, 40])
def test_steep_spectrum_is_accurate_to_a_per_cent_where_it_is_not_flagged(count):
    # Oracle: singular values, whose squares are resolved down to 1e-32 of the largest.
    samples = _samples(count, np.logspace(0, -26, 60))
    exact = np.linalg.svd(samples - samples.mean(axis=0), compute_uv=False) ** 2 / count
    spectrum = covariance_spectrum(samples)
    sound = ~spectrum.numerically_zero
    assert 0 < sound.sum() < len(sound)
    assert not sound[np.argmin(sound) :].any()
    np.testing.assert_allclose(spectrum.eigenvalues[sound], exact[: len(sound)][sound], rtol=1e-2)
    np.testing.assert_allclose(spectrum.eigenvectors.T @ spectrum.eigenvectors, np.eye(len(sound)), atol=1e-12)


def test_coordinates_that_never_move_are_flagged():
    samples = _samples(50, np.ones(8))
    samples[:, [2, 5]] = 0.1
    spectrum = covariance_spectrum(samples)
    np.testing.assert_array_equal(spectrum.numerically_zero, [False] * 6 + [True] * 2)
    assert covariance_spectrum(np.full((5, 3), 0.1)).numerically_zero.all()


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(1, 9), st.integers(0, 2**31), st.sampled_from([2.0**-30, 1.0, 2.0**20]))
def test_shift_permutation_and_scale(count, dimension, seed, scale):
    rng = np.random.default_rng(seed)
    samples = rng.integers(-50, 50, (count, dimension)).astype(np.float64)
    plain = covariance_spectrum(samples)
    moved = covariance_spectrum((samples[rng.permutation(count)] + 64) * scale)
    floor = 1e-12 * plain.total_variance * scale**2
    np.testing.assert_allclose(moved.eigenvalues, plain.eigenvalues * scale**2, rtol=1e-9, atol=floor)
    np.testing.assert_allclose(plain.eigenvalues.sum(), plain.total_variance, rtol=1e-10, atol=1e-10)


def test_held_out_variance_is_unbiased_where_the_plain_one_is_not():
    # Sigma = I: along every direction the true variance is 1. The mean over repetitions of each held-out value must
    # be 1 within four standard errors; the plain spectrum is spread from far below to far above.
    repetitions = [held_out_variances(_samples(60, np.ones(15), seed)) for seed in range(200)]
    held_out = np.array([result.held_out for result in repetitions])
    error = held_out.std(axis=0, ddof=1) / np.sqrt(len(held_out))
    assert (np.abs(held_out.mean(axis=0) - 1) < 4 * error).all()
    in_sample = np.mean([result.in_sample for result in repetitions], axis=0)
    assert in_sample[0] > 2 and in_sample[-1] < 0.25


def test_held_out_is_the_mean_of_both_ways_round():
    samples = _samples(21, np.logspace(0, -2, 6))
    result = held_out_variances(samples)
    first, last = samples[:10], samples[-10:]
    in_sample, held_out = np.zeros(6), np.zeros(6)
    for a, b in ((first, last), (last, first)):
        values, vectors = np.linalg.eigh(np.cov(a, rowvar=False, bias=True))
        in_sample += values[::-1] / 2
        held_out += np.array([np.var(b @ v, ddof=1) for v in vectors.T[::-1]]) / 2
    np.testing.assert_allclose(result.in_sample, in_sample, rtol=1e-9)
    np.testing.assert_allclose(result.held_out, held_out, rtol=1e-9)


def test_held_out_has_only_directions_that_a_half_defines():
    result = held_out_variances(_samples(16, np.ones(30)))
    assert result.in_sample.shape == result.held_out.shape == result.numerically_zero.shape == (7,)


def test_contiguous_halves_see_the_bias_of_an_autocorrelated_series():
    # Each sample is repeated 10 times, so each contiguous half holds 10 independent ones. Interleaved halves would
    # be equal and report the in-sample variance as held out.
    samples = np.repeat(_samples(20, np.ones(30), seed=3), 10, axis=0)
    result = held_out_variances(samples)
    assert result.in_sample[0] > 2 * result.held_out[0]
    assert result.numerically_zero.sum() == len(result.in_sample) - 9


def test_held_out_needs_four_samples():
    with pytest.raises(ConfigurationError, match="at least 4"):
        held_out_variances(np.ones((3, 2)))
