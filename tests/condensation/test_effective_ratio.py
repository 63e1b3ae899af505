"""The effective neuron number: exhaustive search on small sets, constructions whose number is known, invariances."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from dropscape.condensation.effective_ratio import cover, effective_neurons, fits_one_cone, packing
from dropscape.errors import DivergenceError

T = 0.95
SEEDS = st.integers(0, 2**32 - 1)


def circle(degrees):
    """Unit vectors at whole degrees, so that no difference is at the limit of 36.39 degrees that one cone holds."""
    angles = np.radians(np.array(degrees, dtype=float))
    return np.column_stack([np.cos(angles), np.sin(angles)])


def sphere(seed, n, dimension=3, spread=1.0):
    """Unit vectors around the first axis, the closer the smaller the spread."""
    generator = np.random.default_rng(seed)
    vectors = np.eye(dimension)[0] + spread * generator.standard_normal((n, dimension))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def held_by_centres(vectors, either_sign):
    """For every centre of the smallest cone around up to d vectors (of either sign), which vectors its cone holds.

    The smallest cone around any set is that of d or fewer of its vectors, so every set with a common cone is in one.
    """
    n, dimension = vectors.shape
    held = set()
    for size in range(1, dimension + 1):
        for members in combinations(range(n), size):
            for signs in product([1, -1] if either_sign else [1], repeat=size - 1):
                corners = vectors[list(members)] * np.array([1, *signs])[:, None]
                # The vector in the span of the corners that has the same product with each of them.
                centre = np.linalg.pinv(corners) @ np.ones(size)
                products = vectors @ centre
                parallel = (np.abs(products) if either_sign else products) > T * np.linalg.norm(centre)
                held.add(sum(1 << index for index in np.flatnonzero(parallel)))
    return held


def least_number(vectors, either_sign):
    """The smallest number of those cones that hold all vectors: all unions of one cone, of two, ..."""
    cones = held_by_centres(vectors, either_sign)
    number, reached = 0, {0}
    while (1 << len(vectors)) - 1 not in reached:
        reached = {union | cone for union in reached for cone in cones}
        number += 1
    return number


@given(st.lists(st.integers(0, 359), min_size=1, max_size=8), st.booleans())
@settings(max_examples=150)
def test_in_two_dimensions_it_is_the_least_number_that_exhaustive_search_finds(degrees, either_sign):
    vectors = circle(degrees)
    given = effective_neurons(vectors, T, either_sign)
    assert given.upper == given.lower == least_number(vectors, either_sign)


@given(SEEDS, st.sampled_from([0.3, 0.6, 3.0]), st.booleans())
@settings(max_examples=40)
def test_in_three_dimensions_the_bounds_enclose_what_exhaustive_search_finds(seed, spread, either_sign):
    vectors = sphere(seed, 8, spread=spread)
    bounds = effective_neurons(vectors, T, either_sign)
    assert bounds.lower <= least_number(vectors, either_sign) <= bounds.upper


def test_the_exhaustive_search_needs_directions_that_no_neuron_has():
    """Three vectors 17 degrees from their middle and 29 from each other: none is parallel to another, one u to all."""
    tilt = np.radians(17)
    angles = np.radians([0, 120, 240])
    vectors = np.column_stack([np.full(3, np.cos(tilt)), np.sin(tilt) * np.cos(angles), np.sin(tilt) * np.sin(angles)])
    assert (vectors @ vectors.T)[0, 1] < T
    assert effective_neurons(vectors).upper == least_number(vectors, False) == 1
    vectors[1] *= -1
    assert effective_neurons(vectors, either_sign=True).upper == least_number(vectors, True) == 1
    assert effective_neurons(circle([0, 30])).upper == 1
    assert effective_neurons(circle([0, 37])).upper == 2


@pytest.mark.parametrize("either_sign", [False, True])
@pytest.mark.parametrize(("n", "dimension", "spread"), [(60, 3, 2.0), (80, 12, 0.12), (50, 785, 0.01)])
def test_every_group_of_a_cover_has_a_cone_and_no_two_of_a_packing_do(n, dimension, spread, either_sign):
    vectors = sphere(1, n, dimension, spread)
    if either_sign:
        vectors = vectors * np.random.default_rng(2).choice([-1, 1], size=(n, 1))
    cosines = vectors @ vectors.T
    groups = cover(cosines, T, either_sign)
    assert sorted(np.concatenate(groups)) == list(range(n))
    for group in groups:
        turned = vectors[group] * (np.sign(cosines[group[0], group])[:, None] if either_sign else 1)
        assert widest_cosine(turned) > T
    chosen = packing(np.abs(cosines) if either_sign else cosines, T)
    for one, other in combinations(chosen, 2):
        signs = [1, -1] if either_sign else [1]
        assert all(widest_cosine(np.stack([vectors[one], sign * vectors[other]])) <= T for sign in signs)
    assert len(chosen) <= len(groups)


def widest_cosine(vectors):
    """The largest least cosine that a direction has with all vectors: shortest u with products of at least 1.

    Lawson and Hanson's least-distance problem, solved by non-negative least squares.
    """
    n, dimension = vectors.shape
    system = np.vstack([vectors.T, np.ones(n)])
    target = np.append(np.zeros(dimension), 1.0)
    residual = system @ nnls(system, target)[0] - target
    if np.linalg.norm(residual) < 1e-9:
        return 0.0
    return float(1 / np.linalg.norm(residual[:-1] / residual[-1]))


@given(SEEDS, st.integers(2, 12), st.integers(3, 9), st.floats(0.05, 0.4))
@settings(max_examples=150)
def test_one_cone_is_found_exactly_where_there_is_one(seed, n, dimension, spread):
    vectors = sphere(seed, n, dimension, spread)
    widest = widest_cosine(vectors)
    if abs(widest - T) > 1e-3:
        assert fits_one_cone(vectors @ vectors.T, T) == (widest > T)


@pytest.mark.parametrize("dimension", [2, 10, 785])
def test_neurons_around_known_orientations(dimension):
    """Four orientations far from each other and from their opposites, 50 neurons near each; then half are reversed."""
    generator = np.random.default_rng(0)
    far_apart = circle([0, 45, 90, 135]) if dimension == 2 else np.eye(dimension)[:4]
    centres = np.repeat(far_apart, 50, axis=0)
    near = centres + 0.01 * generator.standard_normal(centres.shape) / np.sqrt(dimension)
    reversed_ = near * np.tile([1, -1], 100)[:, None]
    for vectors, signed in ((near, 4), (reversed_, 8)):
        found, unsigned = effective_neurons(vectors), effective_neurons(vectors, either_sign=True)
        assert (found.lower, found.upper) == (signed, signed)
        assert (unsigned.lower, unsigned.upper) == (4, 4)


def test_random_neurons_of_high_dimension_are_all_different():
    vectors = np.random.default_rng(0).standard_normal((300, 785))
    for either_sign in (False, True):
        found = effective_neurons(vectors, T, either_sign)
        assert found.upper == found.lower == len(vectors)


@given(SEEDS, st.integers(2, 6), st.floats(0.1, 2.0), st.booleans())
@settings(max_examples=60)
def test_lengths_and_order_of_neurons_do_not_matter(seed, dimension, spread, either_sign):
    generator = np.random.default_rng(seed)
    vectors = sphere(seed, 25, dimension, spread)
    changed = generator.permutation(vectors * np.exp(3 * generator.standard_normal((25, 1))))
    found = effective_neurons(vectors, T, either_sign)
    assert effective_neurons(changed, T, either_sign) == found
    assert 1 <= found.lower <= found.upper <= 25


@given(SEEDS, st.booleans())
@settings(max_examples=40)
def test_the_two_ways_agree_on_bounds_in_two_dimensions(seed, either_sign):
    """A third coordinate that is zero: the same vectors by the method for more dimensions."""
    flat = circle(np.random.default_rng(seed).integers(0, 360, 30))
    exact = effective_neurons(flat, T, either_sign)
    bounds = effective_neurons(np.column_stack([flat, np.zeros(30)]), T, either_sign)
    assert bounds.lower <= exact.upper <= bounds.upper


@pytest.mark.parametrize("dimension", [2, 4])
def test_zero_vectors_need_no_direction_and_are_counted(dimension):
    vectors = np.zeros((6, dimension))
    assert vars(effective_neurons(vectors)) == {"upper": 0, "lower": 0, "zero": 6}
    vectors[2, 0] = 1e-200
    vectors[4, 1] = -1e200
    assert vars(effective_neurons(vectors)) == {"upper": 2, "lower": 2, "zero": 4}
    vectors[0, 0] = np.nan
    with pytest.raises(DivergenceError, match="not finite"):
        effective_neurons(vectors)
