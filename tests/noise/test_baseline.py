import numpy as np
import pytest
import torch

from dropscape.errors import ConfigurationError
from dropscape.noise import baseline
from dropscape.noise.baseline import expected_alignment, random_alignment

HESSIAN = np.concatenate([np.logspace(0.5, -7, 36), -np.logspace(-0.9, -6, 4)])
COVARIANCE = np.logspace(-2, -8, 30)


def _explicit(count, eigenvectors, rng):
    """Cosines of matrices formed in float64, eigenvector by eigenvector."""
    cosines = []
    for _ in range(count):
        matrices = []
        for spectrum in (HESSIAN, np.pad(COVARIANCE, (0, 10))):
            vectors = rng.standard_normal((40, 40))
            if eigenvectors == "orthonormal":
                q, r = np.linalg.qr(vectors)
                vectors = q * np.sign(np.diag(r))
            vectors /= np.linalg.norm(vectors, axis=0)
            matrices.append(vectors * spectrum @ vectors.T)
        h, s = matrices
        cosines.append(np.trace(h @ s) / np.linalg.norm(h) / np.linalg.norm(s))
    return np.array(cosines)


@pytest.mark.parametrize("eigenvectors", ["normalised", "orthonormal"])
@pytest.mark.parametrize("tail", [0.0, 1e-4, 0.2])
def test_distribution_is_that_of_the_explicit_matrices(eigenvectors, tail, monkeypatch):
    # tail 0 draws every vector, 1e-4 is the default, 0.2 integrates most of them out. Means within four standard
    # errors; standard deviations (of a skewed distribution) within 10 per cent, looser where more is integrated out.
    monkeypatch.setattr(baseline, "_TAIL", tail)
    ours = random_alignment(HESSIAN, COVARIANCE, 3000, 1, eigenvectors)
    reference = _explicit(3000, eigenvectors, np.random.default_rng(2))
    error = np.hypot(ours.std(), reference.std()) / np.sqrt(3000)
    assert abs(ours.mean() - reference.mean()) < 4 * error
    assert abs(ours.std() / reference.std() - 1) < (0.2 if tail == 0.2 else 0.1)


def test_head_is_the_shortest_that_leaves_the_tail_small():
    spectrum = np.sort(np.abs(HESSIAN))[::-1]
    head = len(baseline._head(spectrum))
    assert 0 < head < len(spectrum)
    limit = 1e-4 * np.linalg.norm(spectrum)
    assert np.linalg.norm(spectrum[head:]) <= limit < np.linalg.norm(spectrum[head - 1 :])


def test_what_is_not_drawn_enters_by_its_conditional_expectation():
    # The same drawn vectors, with the remaining ones drawn too, many times: the mean of trace and norm.
    spectrum = np.array([3.0, -1.0, 0.5, 0.25, 0.1])
    u = baseline._unit_columns(5, 2, torch.Generator().manual_seed(0)).double().numpy()
    rest = np.random.default_rng(0).standard_normal((20000, 5, 3))
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    h = (u * spectrum[:2]) @ u.T + np.einsum("sik,k,sjk->sij", rest, spectrum[2:], rest)
    norms = (h**2).sum(axis=(1, 2))
    ours = baseline._norm_squared(spectrum, spectrum[:2], (u.T @ u) ** 2)
    assert abs(ours - norms.mean()) < 4 * norms.std() / np.sqrt(len(norms))


def test_orthonormal_mean_is_the_closed_form():
    cosines = random_alignment(HESSIAN, COVARIANCE, 3000, 3, "orthonormal")
    expected = np.trace(np.diag(HESSIAN)) * COVARIANCE.sum() / 40
    expected /= np.linalg.norm(HESSIAN) * np.linalg.norm(COVARIANCE)
    np.testing.assert_allclose(expected_alignment(HESSIAN, COVARIANCE), expected, rtol=1e-14)
    assert abs(cosines.mean() - expected) < 4 * cosines.std() / np.sqrt(3000)


def test_isotropic_spectra():
    # Identity in any orthonormal basis is the identity: cosine exactly 1 (float32 products).
    np.testing.assert_allclose(random_alignment(np.ones(20), np.ones(20), 5, 0, "orthonormal"), 1, atol=1e-6)
    # One vector each: the squared cosine of the angle of two random directions, uniform mean 1/D.
    single = random_alignment(np.eye(20)[0], np.ones(1), 4000, 0, "normalised")
    assert (single >= 0).all() and abs(single.mean() - 0.05) < 4 * single.std() / np.sqrt(4000)


def test_order_scale_and_seed():
    one = random_alignment(HESSIAN, COVARIANCE, 4, 7)
    np.testing.assert_array_equal(one, random_alignment(HESSIAN, COVARIANCE, 4, 7))
    np.testing.assert_array_equal(one[:2], random_alignment(HESSIAN, COVARIANCE, 2, 7))
    np.testing.assert_allclose(one, random_alignment(1e-9 * HESSIAN[::-1], 1e12 * COVARIANCE[::-1], 4, 7), rtol=1e-9)
    assert (one != random_alignment(HESSIAN, COVARIANCE, 4, 8)).all()
    np.testing.assert_allclose(random_alignment(-HESSIAN, COVARIANCE, 4, 7), -one, rtol=1e-9)


def test_zero_spectrum_is_undefined():
    assert np.isnan(random_alignment(np.zeros(4), np.ones(3), 2, 0)).all()
    assert np.isnan(expected_alignment(np.ones(4), np.zeros(3)))


def test_errors():
    with pytest.raises(ConfigurationError, match="'normalised' or 'orthonormal'"):
        random_alignment(HESSIAN, COVARIANCE, 2, 0, "gaussian")
    with pytest.raises(ConfigurationError, match="1 or more"):
        random_alignment(HESSIAN, COVARIANCE, 0, 0)
    with pytest.raises(ValueError, match="at most as long"):
        random_alignment(COVARIANCE, HESSIAN, 2, 0)
    with pytest.raises(ValueError, match="not finite"):
        expected_alignment([1.0, np.nan], [1.0])
