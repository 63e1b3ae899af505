import numpy as np
import pytest
import torch

from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.noise.samples import centred


def test_centring_keeps_what_float32_would_lose():
    rng = np.random.default_rng(0)
    small = rng.standard_normal((50, 4)) * 1e-4
    samples = (1000 + small).astype(np.float32)
    deviations = centred(samples)
    exact = samples.astype(np.float64)
    assert deviations.dtype == np.float64
    np.testing.assert_array_equal(deviations, exact - exact.mean(axis=0))


def test_tensors_are_taken_as_they_are():
    samples = torch.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(centred(samples), samples.numpy() - [4.5, 5.5, 6.5])


def test_names_the_first_sample_that_is_not_finite():
    samples = np.ones((5, 3), dtype=np.float32)
    samples[2, 1], samples[4, 0] = np.nan, np.inf
    with pytest.raises(DivergenceError, match=r"2 of 5 samples .* index 2"):
        centred(samples)


def test_too_few_samples_and_wrong_shape():
    with pytest.raises(ConfigurationError, match="needs at least 2"):
        centred(np.ones((1, 3)))
    with pytest.raises(ConfigurationError, match=r"give rows, \(N, P\)"):
        centred(np.ones(3))
