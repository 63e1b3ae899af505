"""The masks against their definition, and what it promises: exact probability, independence, no history."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dropscape.dropout.masks import LayerMasks, MaskStream
from dropscape.errors import ConfigurationError
from dropscape.numerics.random_stream import shifted
from dropscape.numerics.seeds import derived_seed
from dropscape.numerics.split_mix import kept_units, words_of

STREAM = MaskStream(0, "test", "masks")
STATE = derived_seed(0, "test", "masks")


def layer_masks(keep_prob, shape, seed=0, **options):
    return LayerMasks(keep_prob, shape, seed, "test", "masks", **options)


def on_any_device(draw, keep_prob, start, examples, units):
    """What is computed with torch's own operations where there is no compiled loop."""
    words = words_of(units)
    outputs = STREAM.outputs_by_torch(draw, start * words, examples * words, "cpu").view(-1, words)
    halves = torch.stack([outputs & 0xFFFFFFFF, shifted(outputs, 32)], dim=2).flatten(1)[:, :units]
    return halves <= round(keep_prob * 2**32) - 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**28 - 1), st.floats(0.01, 1), st.integers(0, 10**6), st.integers(1, 70), st.integers(1, 200))
def test_every_way_of_drawing_gives_the_bits_of_the_definition(draw, keep_prob, start, examples, units):
    expected = torch.from_numpy(kept_units(STATE, draw, units, examples, keep_prob, start))
    x = torch.rand(examples, units, dtype=torch.float64) + 1
    assert torch.equal(STREAM.kept(draw, keep_prob, start, examples, units), expected)
    assert torch.equal(on_any_device(draw, keep_prob, start, examples, units), expected)
    assert torch.equal(on_any_device(torch.tensor(draw), keep_prob, start, examples, units), expected)
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        masked = STREAM.masked(x.to(dtype), draw, keep_prob, start)
        assert masked.dtype == dtype
        assert torch.equal(masked, torch.where(expected, x.to(dtype) * (1 / keep_prob), 0))
    columns = layer_masks(keep_prob, (units, start % 50 + examples)).mask(draw)
    fewer = torch.from_numpy(kept_units(STATE, draw, units, columns.shape[1], keep_prob))
    assert torch.equal(columns, fewer.T)


def test_the_first_example_of_many_draws():
    expected = torch.cat([STREAM.kept(draw, 0.3, 0, 1, 13) for draw in range(5, 9)])
    assert torch.equal(STREAM.kept_in_draws(5, 4, 0.3, 13), expected)
    assert torch.equal(on_any_device(torch.arange(5, 9)[:, None], 0.3, 0, 1, 13), expected)


def test_nan_and_infinity_go_through_where_a_unit_is_kept():
    x = torch.full((50, 40), float("inf"))
    x[:, ::2] = float("nan")
    masked, kept = STREAM.masked(x, 0, 0.5, 0), STREAM.kept(0, 0.5, 0, 50, 40)
    assert (masked[~kept] == 0).all() and not masked[kept].isfinite().any()


@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.8, 0.9, 0.99])
def test_mean_is_the_keep_probability(keep_prob):
    masks = layer_masks(keep_prob, (100, 20_000))
    kept = sum(int(masks.mask(draw).sum()) for draw in range(5))
    assert stats.binomtest(kept, 5 * 100 * 20_000, keep_prob).pvalue > 1e-4


@pytest.mark.parametrize("keep_prob", [3e-6, 1 - 3e-6, 2.4 / 65536, 1 - 2.4 / 65536])
def test_rare_outcomes_have_their_probability(keep_prob):
    rare = min(keep_prob, 1 - keep_prob)
    masks, total = layer_masks(keep_prob, (1000, 10_000)), 5 * 10_000_000
    kept = sum(int(masks.mask(draw).sum()) for draw in range(5))
    seen, expected = kept if keep_prob < 0.5 else total - kept, rare * total
    assert abs(seen - expected) < 4 * expected**0.5


def signs(draws, examples, units):
    """Fair masks as -1 and 1, (draws, examples, units)."""
    return torch.stack([STREAM.kept(draw, 0.5, 0, examples, units) for draw in draws]).double() * 2 - 1


def assert_uncorrelated(correlations, pairs):
    """Correlations of n independent pairs are normal with standard deviation 1/sqrt(n)."""
    scaled = np.asarray(correlations).ravel() * pairs**0.5
    assert stats.kstest(scaled, "norm").pvalue > 1e-4
    assert np.abs(scaled).max() < stats.norm.isf(1e-5 / len(scaled))


def test_units_are_pairwise_independent():
    values = signs([7], 40_000, 60)[0]
    assert_uncorrelated((values.T @ values / len(values))[np.triu_indices(60, 1)], len(values))


def test_examples_are_pairwise_independent():
    values = signs([7], 60, 40_000)[0]
    assert_uncorrelated((values @ values.T / 40_000)[np.triu_indices(60, 1)], 40_000)


@pytest.mark.parametrize("draws", [range(60), [2**power for power in range(28)]])
def test_draws_are_pairwise_independent(draws):
    """Draws are far apart in the generator, by a power of two: all that differs is in the upper bits of the state."""
    values = signs(draws, 100, 400).flatten(1)
    assert_uncorrelated((values @ values.T / values.shape[1])[np.triu_indices(len(values), 1)], values.shape[1])


def test_seeds_stages_purposes_and_layers_are_pairwise_independent():
    streams = [MaskStream(*key) for key in itertools.product(range(4), ("a", "b"), ("a", "b", "a/layer", "a/other"))]
    values = torch.stack([one.kept(3, 0.5, 0, 100, 400).flatten() for one in streams]).double() * 2 - 1
    assert_uncorrelated((values @ values.T / values.shape[1])[np.triu_indices(len(values), 1)], values.shape[1])


def test_lags_across_words_examples_and_draws_are_uncorrelated():
    flat = signs(range(4), 300, 501).flatten()
    lags = [*range(1, 65), 250, 251, 501, 502, 1002, 300 * 501]
    assert_uncorrelated([float((flat[lag:] * flat[:-lag]).mean()) for lag in lags], len(flat))


def test_patterns_of_eight_neighbours_have_their_joint_probabilities():
    kept = STREAM.kept(0, 0.7, 0, 20_000, 64).reshape(-1, 8).numpy()
    counts = np.bincount(kept @ (1 << np.arange(8)), minlength=256)
    size = np.array([k.bit_count() for k in range(256)])
    assert stats.chisquare(counts, len(kept) * 0.7**size * 0.3 ** (8 - size)).pvalue > 1e-4


def test_every_bit_of_the_halves_is_fair():
    """Also for draws that differ in the upper bits of the state alone."""
    outputs = torch.cat([STREAM.outputs(draw << 8, 0, 2000) for draw in range(20)])
    halves = torch.cat([outputs & 0xFFFFFFFF, shifted(outputs, 32)])
    bits = (halves[:, None] >> torch.arange(32)) & 1
    ones = bits.double().mean(dim=0)
    assert_uncorrelated(2 * ones - 1, len(halves))


def test_shared_masks_are_the_first_examples():
    shared = layer_masks(0.5, (4, 7, 30), seed=[1, 2, 3, 4], mask_mode="shared").mask(2)
    assert shared.shape == (4, 7, 1)
    assert torch.equal(shared, layer_masks(0.5, (4, 7, 30), seed=[1, 2, 3, 4]).mask(2)[:, :, :1])


def test_batched_seeds_have_the_masks_they_have_alone():
    batched = layer_masks(0.8, (3, 11, 13), seed=[5, 6, 7])
    alone = [layer_masks(0.8, (11, 13), seed=seed) for seed in (5, 6, 7)]
    for draw in range(3):
        assert torch.equal(batched.mask(draw), torch.stack([one.mask(draw) for one in alone]))


def test_out_is_filled_in_place_contiguous_or_not():
    expected = layer_masks(0.3, (101, 1003)).mask(1)
    contiguous = torch.zeros(101, 1003, dtype=torch.bool)
    strided = torch.zeros(101, 2006, dtype=torch.bool)[:, ::2]
    for out in (contiguous, strided):
        assert layer_masks(0.3, (101, 1003)).mask(1, out=out) is out
        assert torch.equal(out, expected)


def test_a_larger_keep_probability_keeps_the_same_units_and_more():
    few, many = (STREAM.kept(0, keep_prob, 0, 50, 80) for keep_prob in (0.3, 0.6))
    assert (few <= many).all() and not torch.equal(few, many)


@pytest.mark.parametrize("keep_prob", [0.0, -0.1, 1.1, float("nan")])
def test_bad_keep_probability(keep_prob):
    with pytest.raises(ConfigurationError, match="DROPPED"):
        layer_masks(keep_prob, (2, 2))


def test_bad_mode_and_bad_seeds():
    with pytest.raises(ConfigurationError, match="mask_mode"):
        layer_masks(0.5, (2, 2), mask_mode="per_batch")
    with pytest.raises(ConfigurationError, match=r"\[1, 2\]"):
        layer_masks(0.5, (3, 2, 2), seed=[1, 2])


def test_a_mask_larger_than_a_draw_is_refused():
    with pytest.raises(ConfigurationError, match="take fewer examples"):
        STREAM.masked(torch.empty(1, 10**6), 0, 0.5, 2**20)
