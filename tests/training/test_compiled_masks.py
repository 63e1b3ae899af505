"""The masks and batches of compiled trainings: probabilities, independence and permutations."""

import math

import numpy as np
import pytest
from scipy import stats

from dropscape.numerics.split_mix import DRAWS
from tests.training.compiled_trainings import changed, draw_examples, draw_masks


@pytest.mark.parametrize("keep_prob", [1e-5, 0.1, 0.5, 0.9, 1 - 1e-5])
@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
def test_masks_keep_with_the_probability(mask_mode, keep_prob):
    config = changed(keep_prob=keep_prob, mask_mode=mask_mode, widths=(1, 1000, 1))
    masks = [draw_masks(config, 5, step, 6) for step in range(1000)]
    assert {tuple(mask.shape) for mask in masks} == {(1000, 1 if mask_mode == "shared" else 6)}
    kept, total = sum(int(mask.sum()) for mask in masks), sum(mask.numel() for mask in masks)
    assert stats.binomtest(kept, total, keep_prob).pvalue > 1e-4


@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
def test_masks_are_uncorrelated_across_units_examples_steps_and_seeds(mask_mode, keep_prob):
    """Correlations of n independent pairs are near to normal with standard deviation 1/sqrt(n)."""
    config, steps = changed(keep_prob=keep_prob, mask_mode=mask_mode, widths=(1, 40, 1)), 6000
    one, other = (
        (np.stack([draw_masks(config, seed, step, 6).flatten().numpy() for step in range(steps)]) - keep_prob)
        / math.sqrt(keep_prob * (1 - keep_prob))
        for seed in (5, 6)
    )
    between = {
        "units and examples": (one.T @ one)[np.triu_indices(one.shape[1], 1)],
        "successive steps": (one[1:].T @ one[:-1]).ravel(),
        "seeds": (one.T @ other).ravel(),
    }
    for name, sums in between.items():
        scaled = sums / math.sqrt(steps)
        assert abs(scaled.mean()) * math.sqrt(scaled.size) < 4.5, name
        assert abs(np.square(scaled).mean() - 1) < 0.15, name
        assert np.abs(scaled).max() < 6, name


def test_masks_of_a_step_never_come_again():
    config = changed(widths=(1, 64, 1))
    seen = {draw_masks(config, 0, step, 4).numpy().tobytes() for step in (*range(3000), *range(DRAWS - 3000, DRAWS))}
    assert len(seen) == 6000


def test_every_epoch_takes_each_example_at_most_once_in_another_order():
    config = changed(batch_size=3)
    orders = []
    for epoch in range(50):
        batches = [draw_examples(config, 0, 2 * epoch + position, 8).tolist() for position in range(2)]
        taken = batches[0] + batches[1]
        assert len(set(taken)) == 6
        assert set(taken) <= set(range(8))
        orders.append(tuple(taken))
    assert len(set(orders)) > 45
    assert len({tuple(draw_examples(config, seed, 0, 8).tolist()) for seed in range(20)}) > 10
    assert draw_examples(changed(), 0, 5, 8).tolist() == list(range(8))
    assert draw_examples(changed(batch_size=8), 0, 5, 8).tolist() == list(range(8))
