"""The masks against what they promise: exact probability, independence, separate streams, resumable state."""

import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dropscape.dropout.masks import ExactDraw, MaskSource
from dropscape.errors import ConfigurationError


def source(keep_prob, shape, seed=0, **options):
    return MaskSource(keep_prob, shape, seed, "test", "masks", **options)


@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.8, 0.9, 0.99])
def test_mean_is_the_keep_probability(keep_prob):
    masks = source(keep_prob, (100, 20_000))
    total = 5 * 100 * 20_000
    kept = sum(int(masks.next().sum()) for _ in range(5))
    assert stats.binomtest(kept, total, keep_prob).pvalue > 1e-4


@pytest.mark.parametrize("keep_prob", [3e-6, 1 - 3e-6, 2.4 / 65536, 1 - 2.4 / 65536])
def test_probability_between_two_levels_of_sixteen_bits(keep_prob):
    """Rounding to 16 bits would give 0 or 2/65536 here: off by 100 % and 17 % of the rarer outcome."""
    rare = min(keep_prob, 1 - keep_prob)
    masks = source(keep_prob, (1000, 10_000))
    total = 5 * 10_000_000
    kept = sum(int(masks.next().sum()) for _ in range(5))
    seen = kept if keep_prob < 0.5 else total - kept
    expected = rare * total
    assert abs(seen - expected) < 4 * expected**0.5
    assert min(abs(seen - level / 65536 * total) for level in (0, 1, 2, 3)) > 6 * expected**0.5


@settings(max_examples=200, deadline=None)
@given(st.floats(min_value=1e-9, max_value=1.0, exclude_max=True))
def test_the_two_events_make_up_the_probability_exactly(keep_prob):
    draw = ExactDraw(keep_prob)
    level = Fraction(int(draw.threshold), 65536)
    rare = level + (1 - level) * Fraction(draw.completion)
    kept = rare if draw.rare_is_kept else 1 - rare
    assert abs(kept - Fraction(keep_prob)) <= Fraction(1, 2**53)
    assert 0 <= draw.completion <= 2 / 65536


def test_entries_are_uncorrelated_across_units_examples_and_draws():
    """Off-diagonal correlations of n independent pairs are normal with standard deviation 1/sqrt(n)."""
    keep_prob, units, examples = 0.8, 40, 20_000
    masks = source(keep_prob, (units, examples))
    first, second = ((masks.next().double() - keep_prob) / (keep_prob * (1 - keep_prob)) ** 0.5 for _ in range(2))
    between_units = (first @ first.T / examples)[np.triu_indices(units, 1)]
    between_draws = (first * second).mean(dim=1)
    lags = range(1, 65)  # along the examples, beyond the four entries that share a 64-bit word
    between_examples = torch.stack([(first[:, lag:] * first[:, :-lag]).mean() for lag in lags])
    for correlations, pairs in (
        (between_units, examples),
        (between_draws, examples),
        (between_examples, units * examples),
    ):
        scaled = correlations.numpy() * pairs**0.5
        assert stats.kstest(scaled, "norm").pvalue > 1e-4
        assert np.abs(scaled).max() < 5


def test_patterns_of_four_neighbours_have_their_joint_probabilities():
    """The four entries of one 64-bit word are independent beyond pairs."""
    kept = source(0.7, (50, 20_000)).next().reshape(-1, 4).numpy()
    counts = np.bincount(kept @ np.array([1, 2, 4, 8]), minlength=16)
    size = np.array([k.bit_count() for k in range(16)])
    expected = len(kept) * 0.7**size * 0.3 ** (4 - size)
    assert stats.chisquare(counts, expected).pvalue > 1e-4


def test_shared_masks_have_one_column():
    masks = source(0.5, (4, 7, 30), seed=[1, 2, 3, 4], mask_mode="shared")
    assert masks.next().shape == (4, 7, 1)
    assert source(0.5, (7, 30), mask_mode="shared").shape == (7, 1)


def test_batched_seeds_have_the_masks_they_have_alone():
    batched = source(0.8, (3, 11, 13), seed=[5, 6, 7])
    alone = [source(0.8, (11, 13), seed=seed) for seed in (5, 6, 7)]
    for _ in range(3):
        assert torch.equal(batched.next(), torch.stack([one.next() for one in alone]))
    reordered = source(0.8, (2, 11, 13), seed=[7, 5])
    assert torch.equal(reordered.next()[1], source(0.8, (11, 13), seed=5).next())


@pytest.mark.parametrize("keep_prob", [0.5, 0.8, 1.0])
def test_state_goes_through_json_and_continues_bit_for_bit(keep_prob):
    masks = source(keep_prob, (2, 301, 999), seed=[1, 2])
    for _ in range(3):
        masks.next()
    saved = json.loads(json.dumps(masks.state()))
    following = [masks.next() for _ in range(3)]
    resumed = source(keep_prob, (2, 301, 999), seed=[1, 2])
    resumed.load_state(saved)
    assert all(torch.equal(resumed.next(), mask) for mask in following)


def test_state_of_other_seeds_is_refused():
    with pytest.raises(ConfigurationError, match="holds 2 seeds"):
        source(0.5, (3, 4)).load_state(source(0.5, (2, 3, 4), seed=[1, 2]).state())


def test_out_is_filled_in_place_contiguous_or_not():
    expected = source(0.3, (101, 1003)).next()
    contiguous = torch.zeros(101, 1003, dtype=torch.bool)
    strided = torch.zeros(101, 2006, dtype=torch.bool)[:, ::2]
    for out in (contiguous, strided):
        assert source(0.3, (101, 1003)).next(out=out) is out
        assert torch.equal(out, expected)


def test_keeping_everything_draws_nothing():
    masks = source(1.0, (5, 6))
    before = masks.state()
    assert masks.next().all()
    assert masks.state() == before


@pytest.mark.parametrize("keep_prob", [0.0, -0.1, 1.1, float("nan")])
def test_bad_keep_probability(keep_prob):
    with pytest.raises(ConfigurationError, match="DROPPED"):
        source(keep_prob, (2, 2))


def test_bad_mode_and_bad_seeds():
    with pytest.raises(ConfigurationError, match="mask_mode"):
        source(0.5, (2, 2), mask_mode="per_batch")
    with pytest.raises(ConfigurationError, match="2 seeds"):
        source(0.5, (3, 2, 2), seed=[1, 2])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_masks_on_a_gpu():
    masks = source(0.8, (2, 100, 50_000), seed=[1, 2], device="cuda")
    saved = json.loads(json.dumps(masks.state()))
    first = masks.next()
    assert stats.binomtest(int(first.sum()), first.numel(), 0.8).pvalue > 1e-4
    assert torch.equal(first[1], source(0.8, (100, 50_000), seed=2, device="cuda").next())
    masks.load_state(saved)
    assert torch.equal(masks.next(), first)
