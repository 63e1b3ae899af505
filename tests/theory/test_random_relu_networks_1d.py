"""Each case is what its name says, by definitions written out anew."""

import itertools

import numpy as np
import pytest

from dropscape.theory.random_relu_networks_1d import random_relu_network_1d


def pairs(x, network):
    """Case (ii), neuron by neuron."""
    t, n = network.intercepts, len(x)
    return [
        (j, k)
        for j, k in itertools.combinations(range(len(t)), 2)
        for i in range(2, n - 1)
        if network.w[j] * network.w[k] > 0 and t[j] != t[k]
        if all(x[i - 1] <= value <= x[i] for value in (t[j], t[k]))
    ]


def changes(x, network):
    """Convexity changes of f, and of the linear interpolation of its outputs, from slopes."""
    counts = []
    inside = [t for t in network.intercepts if x[0] < t < x[-1]]
    for places in (np.unique([*x, *inside]), x):
        slopes = np.diff(network.outputs(places)) / np.diff(places)
        slope_changes = np.diff(slopes)
        signs = np.sign(slope_changes[np.abs(slope_changes) > 1e-9])
        counts.append(int((np.diff(signs) != 0).sum()))
    return counts


@pytest.mark.parametrize("case", ["convexity", "intercepts", "neither"])
def test_networks_are_of_their_case(case):
    for index in range(15):
        x, network = random_relu_network_1d(0, case, index)
        own, least = changes(x, network)
        assert (own > least) == (case == "convexity")
        assert bool(pairs(x, network)) == (case == "intercepts")
        assert 4 <= len(x) <= 8
        assert (np.diff(x) >= 0.5).all()
        assert len(x) <= len(network.a) <= 2 * len(x)


def test_the_same_seed_case_and_index_give_the_same_network():
    first, again, other = (random_relu_network_1d(0, "convexity", index)[1] for index in (3, 3, 4))
    assert first.a.tolist() == again.a.tolist()
    assert first.a.tolist() != other.a.tolist()
