import pytest
import torch
from scipy import stats

from dropscape.equations.draws import Draws
from dropscape.errors import ConfigurationError


def above(pairs):
    rows, columns = torch.triu_indices(pairs.shape[-1], pairs.shape[-1], 1)
    return pairs[..., rows, columns]


def test_units_are_independent_standard_normals():
    units = Draws((0,), 4000, 3, "test", inner_steps=2).units(0)
    assert units.shape == (2, 4000, 3) and units.dtype == torch.float64
    assert stats.kstest(units.flatten().numpy(), "norm").pvalue > 1e-3
    correlations = torch.corrcoef(units.transpose(1, 2).flatten(0, 1))
    assert (correlations - torch.eye(6)).abs().max() < stats.norm.isf(0.5e-4 / 36) / 4000**0.5


def test_pairs_are_symmetric_with_independent_standard_normals_above_the_diagonal():
    first, second = Draws((0,), 4000, 4, "test", inner_steps=2).pairs(0)
    for pairs in (first, second):
        assert pairs.shape == (4000, 4, 4)
        assert torch.equal(pairs, pairs.mT)
        assert not pairs.diagonal(dim1=1, dim2=2).any()
    both = torch.cat([above(first), above(second)], dim=1)
    assert stats.kstest(both.flatten().numpy(), "norm").pvalue > 1e-3
    assert (torch.corrcoef(both.T) - torch.eye(12)).abs().max() < stats.norm.isf(0.5e-4 / 144) / 4000**0.5


def test_units_and_pairs_are_independent():
    draws = Draws((0,), 4000, 3, "test")
    both = torch.cat([draws.units(0)[0], above(next(draws.pairs(0)))], dim=1)
    assert (torch.corrcoef(both.T) - torch.eye(6)).abs().max() < stats.norm.isf(0.5e-4 / 36) / 4000**0.5


def test_pairs_have_the_dtype_that_is_asked_for():
    draws = Draws((0,), 1000, 5, "test", dtype=torch.float32)
    pairs = next(draws.pairs(0))
    assert pairs.dtype == torch.float32 and draws.units(0).dtype == torch.float64
    assert stats.kstest(above(pairs).flatten().numpy(), "norm").pvalue > 1e-3


def test_a_step_does_not_depend_on_what_was_drawn_before():
    one, other = Draws((0,), 2, 3, "test"), Draws((0,), 2, 3, "test")
    for step in range(3):
        one.units(step)
        next(one.pairs(step))
    assert torch.equal(one.units(3), other.units(3))
    assert torch.equal(next(one.pairs(3)), next(other.pairs(3)))
    assert not torch.equal(one.units(3), one.units(4))
    assert not torch.equal(one.units(3), Draws((0,), 2, 3, "other").units(3))


def test_a_seeds_trials_do_not_depend_on_the_batch():
    together, alone = Draws((5, 7), 6, 4, "test", 2), Draws((7,), 3, 4, "test", 2)
    assert torch.equal(together.units(1)[:, 3:], alone.units(1))
    for ours, theirs in zip(together.pairs(1), alone.pairs(1), strict=True):
        assert torch.equal(ours[3:], theirs)
        assert not torch.equal(ours[:3], ours[3:])


@pytest.mark.parametrize("keep_prob", [0.05, 0.5, 0.9, 1.0])
def test_masks_keep_with_their_probability_and_follow_the_normals(keep_prob):
    draws = Draws((0,), 50_000, 4, "test", inner_steps=3)
    mask = draws.mask(2, keep_prob)
    kept = mask > 0
    assert torch.equal(mask, kept.double() / keep_prob)
    assert stats.binomtest(int(kept.sum()), kept.numel(), keep_prob).pvalue > 1e-4
    normals = draws.units(2).sum(dim=0)
    if keep_prob < 1:
        assert normals[kept].min() > normals[~kept].max()


def test_the_coupling_is_as_close_as_normals_and_bits_can_be():
    """The correlation of a normal with the bit that its quantile decides is phi(q) / sqrt(p (1-p))."""
    keep_prob, count = 0.9, 200_000
    draws = Draws((1,), count, 1, "test", inner_steps=2)
    normals = draws.units(0).sum(dim=0).flatten() / 2**0.5
    mask = draws.mask(0, keep_prob).flatten()
    expected = stats.norm.pdf(stats.norm.ppf(keep_prob)) / (keep_prob * (1 - keep_prob)) ** 0.5
    assert float(torch.corrcoef(torch.stack([normals, mask]))[0, 1]) == pytest.approx(expected, abs=4 / count**0.5)


@pytest.mark.parametrize("seeds", [(), (0, 1)])
def test_trials_must_be_shared_evenly(seeds):
    with pytest.raises(ConfigurationError, match="3 trials cannot be shared"):
        Draws(seeds, 3, 2, "test")
