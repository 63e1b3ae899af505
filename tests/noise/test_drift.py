import numpy as np
import pytest

from dropscape.noise.drift import detrended, drift

STEPS = np.arange(400.0)
NOISE = np.random.default_rng(0).standard_normal((400, 6))
LOSSES = 1 + 0.1 * np.random.default_rng(1).standard_normal(400)


@pytest.mark.parametrize("degree", [1, 2])
def test_what_is_left_is_the_residual_of_a_least_squares_fit_in_each_coordinate(degree):
    path = NOISE + np.outer(STEPS**2, [1e-3, 0, 1, 0, 0, 0])
    expected = [x - np.polynomial.Polynomial.fit(STEPS, x, degree)(STEPS) for x in path.T]
    np.testing.assert_allclose(detrended(path, degree).T, expected, atol=1e-8)


def test_shares_and_displacement_are_the_planted_ones():
    """A straight line of variance v in one coordinate, on noise of variance 1 in six."""
    line = STEPS / STEPS.std() * 5
    found = drift(NOISE + np.outer(line, [1, 0, 0, 0, 0, 0]), LOSSES)
    assert found["linear_share"] == pytest.approx(25 / 31, abs=0.01)
    assert found["quadratic_share"] == pytest.approx(25 / 31, abs=0.015)
    assert found["displacement"] == pytest.approx((line[-1] - line[0]) / np.sqrt(6), rel=0.15)
    assert not found["stationary"]


def test_independent_steps_of_a_constant_loss_are_stationary_and_a_falling_loss_is_not():
    found = drift(NOISE, LOSSES)
    assert found["stationary"] and found["linear_share"] < 0.02
    falling = drift(NOISE, LOSSES * np.linspace(1, 0.5, 400))
    assert falling["loss_fall"] == pytest.approx(1 - 0.525 / 0.975, abs=0.05)
    assert falling["loss_fall"] > 5 * falling["loss_fall_error"] and not falling["stationary"]


def test_the_error_of_the_fall_is_that_of_independent_steps():
    rng = np.random.default_rng(2)
    draws = [drift(NOISE, 1 + 0.1 * rng.standard_normal(400)) for _ in range(400)]
    falls, errors = (np.array([draw[key] for draw in draws]) for key in ("loss_fall", "loss_fall_error"))
    assert falls.std() == pytest.approx(errors.mean(), rel=0.12)


def test_a_trajectory_that_stands_still_has_no_drift_to_share():
    found = drift(np.ones((20, 3)), LOSSES[:20])
    assert np.isnan(found["linear_share"]) and np.isnan(found["displacement"]) and not found["stationary"]
