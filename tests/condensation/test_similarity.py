"""The order of similarities shows groups that were shuffled, and changes no cosine."""

import numpy as np
import pytest

from dropscape.condensation.features import ordered_similarity

RNG = np.random.default_rng(0)


def test_groups_become_blocks():
    sizes = [11, 4, 7]
    vectors = np.repeat(np.linalg.qr(RNG.standard_normal((20, 3)))[0].T, sizes, axis=0)
    vectors = RNG.permutation(vectors + 0.02 * RNG.standard_normal(vectors.shape)) * RNG.uniform(0.1, 5, (22, 1))
    given = ordered_similarity(vectors)
    borders = np.flatnonzero(np.diag(given, k=1) < 0.5) + 1
    blocks = np.split(np.arange(22), borders)
    assert sorted(len(block) for block in blocks) == sorted(sizes)
    for block in blocks:
        inside = np.isin(np.arange(22), block)
        assert given[np.ix_(inside, inside)].min() > 0.9 and given[np.ix_(inside, ~inside)].max() < 0.3


@pytest.mark.parametrize("n", [1, 2, 3, 30])
def test_it_is_the_matrix_of_cosines_in_another_order(n):
    vectors = RNG.standard_normal((n, 5))
    given = ordered_similarity(np.concatenate([vectors, np.zeros((2, 5))]))
    plain = [[np.dot(u, v) / np.linalg.norm(u) / np.linalg.norm(v) for v in vectors] for u in vectors]
    assert given.shape == (n, n)
    rows, expected = (sorted(tuple(sorted(row)) for row in np.round(matrix, 9)) for matrix in (given, plain))
    assert rows == expected
    np.testing.assert_allclose(np.diag(given), 1, atol=1e-12)
    np.testing.assert_array_equal(given, given.T)


def test_neighbours_are_more_alike_than_in_the_given_order():
    vectors = RNG.permutation(np.column_stack([np.cos(np.linspace(0, 3, 40)), np.sin(np.linspace(0, 3, 40))]))
    given = ordered_similarity(vectors)
    assert np.diag(given, k=1).sum() > 38.5, "at best 39 cos(3 / 39) = 38.9, as on the arc"
