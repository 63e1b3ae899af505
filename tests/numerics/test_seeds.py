"""Streams that depend on (seed, stage, purpose) and on nothing else."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dropscape.numerics.seeds import derived_seed, numpy_generator, torch_generator

WORDS = st.text(st.characters(codec="ascii", exclude_characters="/"), min_size=1, max_size=8)
KEYS = st.tuples(st.integers(-(2**40), 2**40), WORDS, WORDS)


@given(st.lists(KEYS, min_size=2, max_size=20, unique=True))
def test_different_keys_give_different_seeds(keys):
    derived = [derived_seed(*key) for key in keys]
    assert len(set(derived)) == len(keys)
    assert all(0 <= seed < 2**63 for seed in derived), "torch and numpy take both ends"


def test_derived_seeds_are_fixed_for_all_time():
    """Another value would change every published result."""
    assert derived_seed(0, "training", "masks") == 5465544306387088982
    assert derived_seed(np.int64(0), "training", "masks") == derived_seed(0, "training", "masks")


@pytest.mark.parametrize("make", [numpy_generator, torch_generator])
def test_a_stream_is_repeated_by_its_key_and_moved_by_no_other_stream(make):
    def draw(generator):
        return torch.rand(100, generator=generator) if make is torch_generator else generator.random(100)

    alone = draw(make(3, "noise", "pca"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        draw(make(3, "noise", "baseline"))
        again = draw(make(3, "noise", "pca"))
    assert (alone == again).all()
    others = [draw(make(*key)) for key in ((4, "noise", "pca"), (3, "sampling", "pca"), (3, "noise", "baseline"))]
    assert all((alone != other).all() for other in others)


def test_making_and_using_a_generator_leaves_the_global_streams_alone():
    torch_before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    torch.rand(5, generator=torch_generator(0, "a", "b"))
    numpy_generator(0, "a", "b").random(5)
    assert torch.equal(torch_before, torch.random.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()  # noqa: NPY002


def test_streams_of_neighbouring_seeds_stages_and_purposes_are_uncorrelated():
    """Correlations of n independent pairs are normal with standard deviation 1/sqrt(n)."""
    n, keys = 20_000, list(itertools.product(range(4), ("training", "noise"), ("masks", "samples")))
    draws = np.array([numpy_generator(*key).standard_normal(n) for key in keys])
    scaled = np.corrcoef(draws)[np.triu_indices(len(keys), 1)] * n**0.5
    assert stats.kstest(scaled, "norm").pvalue > 1e-3
    assert np.abs(scaled).max() < 5
