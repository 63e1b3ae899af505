"""Learning rates along a training."""

import pytest

from dropscape.errors import ConfigurationError
from dropscape.training.learning_rates import learning_rate_at

STEPS = {"name": "steps", "milestones": [150, 225, 275], "factor": 0.1}
WARMUP = {"name": "warmup", "warmup_steps": 4000, "d_model": 50}


def test_a_constant_stays():
    assert {learning_rate_at(step, 0.3, {"name": "constant"}) for step in range(0, 1000, 7)} == {0.3}


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.1), (149, 0.1), (150, 0.01), (224, 0.01), (225, 1e-3), (275, 1e-4), (299, 1e-4)]
)
def test_milestones_divide_by_ten(step, expected):
    """Paper A, App. A: 0.1, divided by 10 at epochs 150, 225 and 275."""
    assert learning_rate_at(step, 0.1, STEPS) == pytest.approx(expected)


def test_warm_up_rises_linearly_to_its_peak_and_falls_with_the_square_root():
    rates = [learning_rate_at(step, 1.0, WARMUP) for step in range(16_000)]
    assert max(range(16_000), key=rates.__getitem__) == 3999
    assert rates[3999] == pytest.approx((50 * 4000) ** -0.5)
    assert rates[0] == pytest.approx(rates[3999] / 4000) and rates[1999] == pytest.approx(rates[3999] / 2)
    assert rates[15_999] == pytest.approx(rates[3999] / 2)
    assert learning_rate_at(10, 3.0, WARMUP) == pytest.approx(3 * rates[10])


def test_an_unknown_schedule_is_named():
    with pytest.raises(ConfigurationError, match="'cosine'; write one of constant, steps, warmup"):
        learning_rate_at(0, 0.1, {"name": "cosine"})
