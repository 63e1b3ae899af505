import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropscape.numerics.grids import log_spaced_indices, represented


@given(st.integers(1, 5000), st.integers(2, 400))
def test_distinct_ascending_with_both_ends_and_the_count_asked_for(total, count):
    indices = log_spaced_indices(total, count)
    assert indices.dtype == np.int64
    assert len(indices) == min(count, total)
    assert indices[0] == 0 and indices[-1] == total - 1
    assert (np.diff(indices) > 0).all()


def test_spacing_is_even_on_a_logarithmic_axis_once_it_exceeds_one():
    ranks = log_spaced_indices(2500, 130) + 1
    steps = np.diff(np.log(ranks))
    late = ranks[:-1] > 100
    assert np.ptp(steps[late]) < 1.5 / 100
    np.testing.assert_array_equal(ranks[:20], np.arange(1, 21))


def test_small_cases():
    np.testing.assert_array_equal(log_spaced_indices(1, 1), [0])
    np.testing.assert_array_equal(log_spaced_indices(1000, 4), [0, 9, 99, 999])
    np.testing.assert_array_equal(log_spaced_indices(5, 9), np.arange(5))


@pytest.mark.parametrize(("total", "count"), [(0, 3), (10, 1), (10, 0), (1, 0)])
def test_refuses_what_cannot_hold_both_ends(total, count):
    with pytest.raises(ValueError, match="cannot choose"):
        log_spaced_indices(total, count)


@pytest.mark.parametrize(("indices", "total"), [([1, 2, 3, 7, 20], 20), ([1, 2, 5], 9), ([1], 1), ([1, 30], 50)])
def test_each_index_stands_for_those_that_it_is_nearest_to(indices, total):
    found = represented(np.array(indices), total)
    # of two that are as near, the smaller one
    nearest = [min(indices, key=lambda one: (abs(one - index), one)) for index in range(1, total + 1)]
    np.testing.assert_array_equal(found, [nearest.count(one) for one in indices])
