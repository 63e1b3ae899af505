"""McNemar's test against binomial sums by hand and its own rate of errors."""

from math import comb

import numpy as np
import pytest

from dropscape.numerics.paired import mcnemar


@pytest.mark.parametrize(
    ("both", "only_a", "only_b", "neither", "expected"),
    [
        (50, 9, 1, 3, 2 * (1 + 10) / 2**10),
        (0, 5, 0, 0, 2 / 2**5),
        (7, 3, 3, 0, 1.0),
        (4, 0, 0, 4, 1.0),
        (9000, 40, 15, 100, 2 * sum(comb(55, k) for k in range(16)) / 2**55),
    ],
)
def test_counts_and_probability_by_hand(both, only_a, only_b, neither, expected):
    a = np.repeat([1, 1, 0, 0], [both, only_a, only_b, neither])
    b = np.repeat([1, 0, 1, 0], [both, only_a, only_b, neither])
    assert mcnemar(a, b) == (only_a, only_b, pytest.approx(expected, rel=1e-12))
    assert mcnemar(b, a) == (only_b, only_a, pytest.approx(expected, rel=1e-12))


def test_equally_good_networks_are_rarely_called_different_and_unequal_ones_are():
    rng = np.random.default_rng(0)
    shared = rng.random((400, 500)) < 0.7
    flips = [rng.random((400, 500)) < 0.1 for _ in range(2)]
    one, other = (shared ^ flip for flip in flips)
    rate = np.mean([mcnemar(a, b)[2] < 0.05 for a, b in zip(one, other, strict=True)])
    assert 0 < rate < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    better = one | (rng.random((400, 500)) < 0.2)
    assert np.mean([mcnemar(a, b)[2] < 0.05 for a, b in zip(better, other, strict=True)]) > 0.8


def test_results_on_different_examples_are_refused():
    with pytest.raises(ValueError, match=r"on \(3,\) and \(4,\) examples cannot be paired"):
        mcnemar([1, 0, 1], [1, 0, 1, 1])
