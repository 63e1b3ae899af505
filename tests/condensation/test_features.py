"""Orientations, and the share of the weights in the best orientations against all choices of them."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropscape.condensation.features import WINDOW, leading_share, orientations

SEEDS = st.integers(0, 2**32 - 1)


def best_union(holds, weights, count):
    """The largest weight that ``count`` rows of ``holds`` have together, by trying all."""
    rows = combinations(range(len(holds)), min(count, len(holds)))
    return max(weights[holds[list(chosen)].any(axis=0)].sum() for chosen in rows)


def test_orientations_are_angles_to_the_w_axis():
    vectors = [[1, 0], [1, 1], [0, 2], [-3, 0], [-3, -0.0], [0, -1e-200], [0, 0]]
    expected = np.array([0, np.pi / 4, np.pi / 2, -np.pi, -np.pi, -np.pi / 2, np.nan])
    np.testing.assert_allclose(orientations(vectors), expected, rtol=1e-15)
    with pytest.raises(ValueError, match="not in 3"):
        orientations([[1, 2, 3]])


@given(SEEDS, st.integers(1, 11), st.integers(1, 4), st.booleans(), st.sampled_from([0.1, 0.6, np.pi]))
@settings(max_examples=150)
def test_the_best_windows_are_those_of_all_choices(seed, n, count, either_sign, spread):
    generator = np.random.default_rng(seed)
    angles, weights = generator.uniform(-spread, spread, n), generator.exponential(size=n)
    period = np.pi if either_sign else 2 * np.pi
    ahead = (angles - angles[:, None]) % period  # from each window's start; a difference of -0 is nearly the period
    holds = (ahead <= WINDOW) | np.eye(n, dtype=bool)
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]) * generator.uniform(0.1, 9, (n, 1))
    given = leading_share(vectors, weights, 0.95, either_sign, count)
    assert given == pytest.approx(best_union(holds, weights, count) / weights.sum(), rel=1e-12)


@given(SEEDS, st.integers(3, 6), st.booleans())
@settings(max_examples=60)
def test_chosen_cones_are_nearly_as_good_as_the_best(seed, dimension, either_sign):
    generator = np.random.default_rng(seed)
    vectors = np.eye(dimension)[0] + 0.4 * generator.standard_normal((14, dimension))
    vectors *= generator.choice([-1, 1], size=(14, 1)) if either_sign else 1
    weights = generator.exponential(size=14)
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = vectors @ vectors.T / np.outer(lengths, lengths)
    best = best_union((np.abs(cosines) if either_sign else cosines) > 0.95, weights, 4) / weights.sum()
    given = leading_share(vectors, weights, 0.95, either_sign)
    assert (1 - math.exp(-1)) * best <= given <= best * (1 + 1e-12)


@pytest.mark.parametrize("dimension", [2, 7])
def test_the_share_of_known_groups(dimension):
    """Six orientations hold 30, 20, 15, 15, 12 and 8 per cent; reversing half of the neurons doubles the groups."""
    angles = np.radians([0, 25, 50, 75, 100, 125])
    centres = np.column_stack([np.cos(angles), np.sin(angles)]) if dimension == 2 else np.eye(7)[:6]
    vectors = np.repeat(centres, 10, axis=0)
    weights = np.repeat([3, 2, 1.5, 1.5, 1.2, 0.8], 10)
    assert leading_share(vectors, weights, 0.95) == pytest.approx(0.8)
    vectors[::2] *= -1
    assert leading_share(vectors, weights, 0.95, either_sign=True) == pytest.approx(0.8)
    assert leading_share(vectors, weights, 0.95) == pytest.approx(0.15 + 0.15 + 0.1 + 0.1)


def test_a_share_of_nothing_is_undefined():
    assert math.isnan(leading_share([[1, 0], [0, 0]], [0.0, 5.0], 0.95)), "a zero vector has no orientation"
    assert math.isnan(leading_share(np.zeros((3, 4)), np.ones(3), 0.95))
    assert leading_share([[1, 0], [0, 0]], [1.0, 5.0], 0.95) == 1
