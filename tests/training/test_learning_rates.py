"""Learning rates along a training."""

import pytest

from dropscape.training.optimizers import LearningRate


def test_a_constant_stays():
    rate = LearningRate(0.3)
    assert {rate.after(step) for step in range(0, 1000, 7)} == {0.3}


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.1), (149, 0.1), (150, 0.01), (224, 0.01), (225, 1e-3), (275, 1e-4), (299, 1e-4)]
)
def test_milestones_divide_by_ten(step, expected):
    """Paper A, App. A: 0.1, divided by 10 at epochs 150, 225 and 275."""
    assert LearningRate(0.1, milestones=(150, 225, 275)).after(step) == pytest.approx(expected)


def test_warm_up_rises_linearly_to_its_peak_and_falls_with_the_square_root():
    rate = LearningRate(1.0, warmup_steps=4000, d_model=50)
    rates = [rate.after(step) for step in range(16_000)]
    assert max(range(16_000), key=rates.__getitem__) == 3999
    assert rates[3999] == pytest.approx((50 * 4000) ** -0.5)
    assert rates[0] == pytest.approx(rates[3999] / 4000) and rates[1999] == pytest.approx(rates[3999] / 2)
    assert rates[15_999] == pytest.approx(rates[3999] / 2)
    assert LearningRate(3.0, warmup_steps=4000, d_model=50).after(10) == pytest.approx(3 * rates[10])
