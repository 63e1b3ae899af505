"""SplitMix64 against published outputs, and its permutations."""

from collections import Counter

import numpy as np
from scipy import stats

from dropscape.numerics.split_mix import outputs, shuffle


def test_outputs_are_the_published_ones():
    """Those from the state 1234567, as the generator's many implementations agree on them."""
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert outputs(1234567, 0, 5).tolist() == published
    assert outputs(1234567, 3, 2).tolist() == published[3:], "an output needs none before it"


def permutation(count, state, epoch):
    order = np.empty(count, np.int64)
    shuffle(order, np.uint64(state), epoch)
    return tuple(order.tolist())


def test_a_shuffle_is_a_permutation_of_its_own_for_every_epoch_and_state():
    drawn = {(state, epoch): permutation(20, state, epoch) for state in (1, 2**63) for epoch in (0, 1, 2, 10**9)}
    assert all(sorted(order) == list(range(20)) for order in drawn.values())
    assert len(set(drawn.values())) == len(drawn)
    assert permutation(20, 1, 0) == drawn[1, 0]
    assert permutation(1, 1, 0) == (0,)


def test_every_permutation_is_equally_likely():
    orders = Counter(permutation(4, 7, epoch) for epoch in range(4800))
    assert len(orders) == 24
    assert stats.chisquare(list(orders.values())).pvalue > 1e-4
