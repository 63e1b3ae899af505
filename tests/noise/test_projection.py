import numpy as np
import pytest

from dropscape.noise.pca import covariance_spectrum
from dropscape.noise.projection import projected_variance

RNG = np.random.default_rng(1)
SAMPLES = (RNG.standard_normal((40, 12)) * np.logspace(0, -5, 12) + 3).astype(np.float32)


@pytest.mark.parametrize("correction", [0, 1])
def test_is_the_variance_of_the_inner_products(correction):
    directions = RNG.standard_normal((5, 12))
    expected = [np.var(SAMPLES.astype(np.float64) @ v, ddof=correction) for v in directions]
    np.testing.assert_allclose(projected_variance(SAMPLES, directions, correction), expected, rtol=1e-10)


def test_along_the_principal_directions_it_is_the_spectrum():
    spectrum = covariance_spectrum(SAMPLES)
    np.testing.assert_allclose(
        projected_variance(SAMPLES, spectrum.eigenvectors), spectrum.eigenvalues, rtol=1e-4, atol=0
    )


def test_directions_must_fit():
    with pytest.raises(ValueError, match="P=12"):
        projected_variance(SAMPLES, np.eye(11))
