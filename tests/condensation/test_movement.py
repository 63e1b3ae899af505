import numpy as np
import pytest

from dropscape.condensation.movement import contributions, dead, relative_movement, rotation

RANDOM = np.random.default_rng(3)
VECTORS = RANDOM.standard_normal((400, 2))


def turned(angle):
    return VECTORS @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("degrees", [0, 1e-6, 30, 90, 180])
def test_neurons_that_all_turn_by_an_angle_have_turned_by_it_whatever_their_length(degrees):
    lengths = RANDOM.uniform(0.1, 9, (400, 1))
    found = rotation(lengths * turned(np.radians(degrees)), VECTORS, np.ones(400))
    assert found == pytest.approx(degrees, rel=1e-6, abs=1e-6)


def test_neurons_that_die_without_turning_have_not_turned():
    shrunk = VECTORS * np.where(np.arange(400) < 4, 1, 1e-4)[:, None]
    assert rotation(shrunk, VECTORS, np.linalg.norm(shrunk, axis=1)) == pytest.approx(0, abs=1e-6)


def test_the_angle_is_averaged_by_weight_and_leaves_out_neurons_without_one():
    now, weights = VECTORS.copy(), np.zeros(400)
    now[0], now[1], now[2] = turned(np.pi / 2)[0], -VECTORS[1], 0
    weights[:3] = 3, 1, 100
    assert rotation(now, VECTORS, weights) == pytest.approx((3 * 90 + 180) / 4)
    assert np.isnan(rotation(now, VECTORS, np.zeros(400)))


def test_independent_draws_have_moved_by_the_root_of_two():
    first, second = ({"a": RANDOM.standard_normal((300, 40)), "b": RANDOM.standard_normal(50)} for _ in range(2))
    assert relative_movement(first, second) == pytest.approx(np.sqrt(2), abs=0.02)
    assert relative_movement({name: 1.5 * value for name, value in first.items()}, first) == pytest.approx(0.5)


def test_squared_contributions_add_up_to_r_1():
    """(1-p)/(2np) sum_i sum_j |W_j|^2 f_j(x_i)^2 with p = 1/2 is half the mean square that the neurons contribute."""
    features, outgoing = RANDOM.standard_normal((30, 7)), RANDOM.standard_normal((3, 7))
    r1 = sum(np.square(outgoing[:, j] * features[i, j]).sum() for i in range(30) for j in range(7)) / 30 / 2
    assert np.square(contributions(features, outgoing)).sum() / 2 == pytest.approx(r1)


def test_dead_neurons_together_hold_less_than_one_percent():
    contributed = np.array([5.0, 0.04, 0.0, 1.0, 0.005])
    assert dead(contributed).tolist() == [False, False, True, False, True]
