import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropscape.noise.pca import covariance_spectrum
from dropscape.noise.projection import projected_variance


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
    assert spectrum.eigenvalues.shape == (kept,) and v.shape == (kept, 20)
    assert spectrum.eigenvalues.dtype == v.dtype == np.float64
    assert (np.diff(spectrum.eigenvalues) <= 0).all()
    np.testing.assert_allclose(v @ v.T, np.eye(kept), atol=1e-12)
    np.testing.assert_allclose(v.T * spectrum.eigenvalues @ v, covariance, atol=1e-13)
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
    np.testing.assert_allclose(spectrum.eigenvectors @ spectrum.eigenvectors.T, np.eye(len(sound)), atol=1e-12)


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


def test_variance_of_other_samples_along_the_directions_is_unbiased_where_the_spectrum_is_not():
    # Sigma = I: along every direction the true variance is 1. The mean over repetitions of each held-out value must
    # be 1 within four standard errors; the plain spectrum is spread from far below to far above.
    held_out, in_sample = [], []
    for seed in range(200):
        samples = _samples(60, np.ones(15), seed)
        spectrum = covariance_spectrum(samples[:30])
        in_sample.append(spectrum.eigenvalues)
        held_out.append(projected_variance(samples[30:], spectrum.eigenvectors, correction=1))
    error = np.std(held_out, axis=0, ddof=1) / np.sqrt(len(held_out))
    assert (np.abs(np.mean(held_out, axis=0) - 1) < 4 * error).all()
    assert np.mean(in_sample, axis=0)[0] > 2 and np.mean(in_sample, axis=0)[-1] < 0.25
