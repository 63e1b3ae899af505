"""Tests of two results on the same examples."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> tuple[int, int, float]:
    """Test whether two classifiers are right equally often on the same examples (McNemar, 1947).

    Only examples that one of them alone predicts right tell them apart; if they were equally good, each of these would
    be either one's with probability 1/2. The test is the exact two-sided binomial one, not the chi-squared
    approximation. Without such an example p is 1.

    Args:
        correct_a, correct_b: (n,), whether each is right, as bool or 0 and 1.

    Returns:
        How many a alone predicts right, how many b alone, and p.

    Raises:
        ValueError: the two have different lengths.
    """
    a, b = np.asarray(correct_a, dtype=bool), np.asarray(correct_b, dtype=bool)
    if a.shape != b.shape:
        raise ValueError(f"results on {a.shape} and {b.shape} examples cannot be paired: give both on the same ones.")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    different = only_a + only_b
    return only_a, only_b, float(binomtest(only_a, different).pvalue) if different else 1.0
