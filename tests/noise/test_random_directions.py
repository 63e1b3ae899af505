import numpy as np
import pytest

from dropscape.noise.random_directions import random_directions


def test_directions_are_uniform_where_samples_vary_and_zero_elsewhere():
    samples = np.random.default_rng(0).normal(size=(20, 8))
    samples[:, [2, 5]] = 0.3  # as the gradients of dead units
    drawn = random_directions(samples, 20_000, seed=1)
    assert drawn.shape == (20_000, 8)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1)
    second = drawn.T @ drawn / 20_000  # of a uniform direction in six dimensions: a sixth of the identity
    expected = np.diag([1, 1, 0, 1, 1, 0, 1, 1]) / 6
    assert (second[[2, 5]] == 0).all()
    # An entry's standard error is at most sqrt(1 / 20) / sqrt(20,000) = 0.0016.
    np.testing.assert_allclose(second, expected, atol=5 * 0.0016)


def test_draws_depend_on_the_seed_and_nothing_varies_gives_nothing():
    samples = np.random.default_rng(0).normal(size=(5, 4))
    assert (random_directions(samples, 3, 0) == random_directions(2 * samples, 3, 0)).all()
    assert (random_directions(samples, 3, 0) != random_directions(samples, 3, 1)).any()
    assert random_directions(np.ones((5, 4)), 3, 0) == pytest.approx(0)
