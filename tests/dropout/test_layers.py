"""Masks inside modules: their probability, what they depend on, and what they do not."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from dropscape.dropout.layers import MaskedDropout, ModuleMasks, dropout_layers, masks_in_force, set_keep_prob
from dropscape.errors import ConfigurationError

SHAPES = [(300, 5), (300, 4, 3), (300, 2, 3, 3)]


def masks(seed=0, stage="test", purpose="masks", **options):
    return ModuleMasks(seed, stage, purpose, **options)


def network():
    return nn.Sequential(nn.Linear(4, 6), MaskedDropout(0.8), nn.ReLU(), nn.Linear(6, 5), MaskedDropout(0.5))


@pytest.mark.parametrize("mode", [True, False])
def test_without_masks_a_layer_is_the_identity_in_either_mode(mode):
    x = torch.rand(7, 3)
    assert MaskedDropout(0.3).train(mode)(x) is x


def test_in_force_a_layer_masks_and_scales_by_the_inverse():
    model, x, source = nn.Sequential(MaskedDropout(0.8)), torch.rand(200, 6) + 1, masks()
    with masks_in_force(model, source, 3, 50):
        masked = model(x)
    kept = source.mask(3, "0", 0.8, 50, x.shape)
    assert torch.equal(masked, torch.where(kept, x * (1 / 0.8), 0))
    assert model(x) is x, "the masks are gone again"


def test_masks_are_gone_after_an_error():
    model = nn.Sequential(MaskedDropout(0.5))
    with pytest.raises(RuntimeError, match="here"), masks_in_force(model, masks(), 0, 0):
        raise RuntimeError("here")
    x = torch.rand(2, 3)
    assert model(x) is x


@pytest.mark.parametrize("shape", [(9, 4), (9, 4, 3), (9, 4, 3, 5)])
def test_masks_are_differentiated_through_twice(shape):
    """y = (m x / p)^2 summed: its derivatives are 2 x m / p^2 and 2 m / p^2, exact in both passes."""
    model, x = nn.Sequential(MaskedDropout(0.5)), torch.rand(shape, requires_grad=True)
    kept = masks().mask(0, "0", 0.5, 0, x.shape)
    with masks_in_force(model, masks(), 0, 0):
        (gradient,) = torch.autograd.grad(model(x).square().sum(), x, create_graph=True)
    assert torch.equal(gradient, 8 * x * kept)
    (second,) = torch.autograd.grad(gradient.sum(), x)
    assert torch.equal(second, 8.0 * kept)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_images_are_masked_alike_in_either_memory_order(layout):
    model, x = nn.Sequential(MaskedDropout(0.5)), torch.rand(9, 4, 3, 5).contiguous(memory_format=layout)
    with masks_in_force(model, masks(), 1, 7):
        masked = model(x)
    assert torch.equal(masked, 2 * x * masks().mask(1, "0", 0.5, 7, x.shape))
    assert masked.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.8, 0.9])
def test_the_share_of_kept_units_is_the_keep_probability(keep_prob):
    kept = torch.stack([masks().mask(draw, "layer", keep_prob, 0, (1000, 7, 5, 5)) for draw in range(3)])
    assert stats.binomtest(int(kept.sum()), kept.numel(), keep_prob).pvalue > 1e-4
    by_unit = kept.double().mean(dim=(0, 1)).flatten()
    error = (by_unit - keep_prob) / (keep_prob * (1 - keep_prob) / 3000) ** 0.5
    assert error.abs().max() < stats.norm.isf(0.5e-4 / error.numel())


@settings(max_examples=40)
@given(st.sampled_from(SHAPES), st.lists(st.integers(1, 299), max_size=6, unique=True), st.floats(0.05, 0.95))
def test_masks_do_not_depend_on_the_micro_batches(shape, cuts, keep_prob):
    whole = masks().mask(2, "layer", keep_prob, 0, shape)
    assert whole.shape == shape and whole.dtype == torch.bool
    edges = [0, *sorted(cuts), shape[0]]
    chunks = [
        masks().mask(2, "layer", keep_prob, start, (stop - start, *shape[1:]))
        for start, stop in itertools.pairwise(edges)
    ]
    assert torch.equal(torch.cat(chunks), whole)


def test_more_examples_continue_fewer():
    many = masks().mask(0, "layer", 0.5, 0, (500, 3))
    assert torch.equal(masks().mask(0, "layer", 0.5, 0, (255, 3)), many[:255])


def test_seeds_stages_purposes_draws_layers_and_examples_are_independent():
    """Agreement of two independent fair masks is binomial with one half."""
    shape = (128, 200)
    different = {
        "this": masks().mask(0, "a", 0.5, 0, shape),
        "seed": masks(seed=1).mask(0, "a", 0.5, 0, shape),
        "stage": masks(stage="other").mask(0, "a", 0.5, 0, shape),
        "purpose": masks(purpose="other").mask(0, "a", 0.5, 0, shape),
        "draw": masks().mask(1, "a", 0.5, 0, shape),
        "layer": masks().mask(0, "b", 0.5, 0, shape),
        "examples": masks().mask(0, "a", 0.5, 128, shape),
    }
    for one, two in itertools.combinations(different, 2):
        agree = different[one] == different[two]
        assert stats.binomtest(int(agree.sum()), agree.numel(), 0.5).pvalue > 1e-6, (one, two)


def test_examples_and_units_of_one_mask_are_uncorrelated():
    kept = masks().mask(0, "a", 0.5, 0, (4000, 12)).double() * 2 - 1
    between_units = kept.T @ kept / 4000
    off = between_units[~torch.eye(12, dtype=torch.bool)]
    assert off.abs().max() * 4000**0.5 < stats.norm.isf(1e-4 / len(off))
    neighbours = (kept[1:] * kept[:-1]).mean()
    assert abs(neighbours) * (3999 * 12) ** 0.5 < 5


def test_a_shared_mask_is_one_for_all_examples_wherever_they_start():
    source = masks(mask_mode="shared")
    first = source.mask(4, "a", 0.5, 0, (300, 2, 5, 5))
    assert first.shape == (1, 2, 5, 5)
    assert torch.equal(first, source.mask(4, "a", 0.5, 129, (3, 2, 5, 5)))
    assert not torch.equal(first, source.mask(5, "a", 0.5, 0, (300, 2, 5, 5)))
    model, x = nn.Sequential(MaskedDropout(0.5)), torch.ones(20, 2, 5, 5)
    with masks_in_force(model, source, 0, 0):
        masked = model(x)
    assert torch.equal(masked, masked[:1].expand_as(masked)) and 0 < (masked == 0).sum() < masked.numel()


def test_images_are_masked_in_channels_last_order():
    kept = masks().mask(0, "a", 0.5, 0, (6, 3, 4, 4))
    assert kept.is_contiguous(memory_format=torch.channels_last)


def test_keeping_everything_draws_nothing():
    class Refusing:
        def mask(self, *given):
            raise AssertionError

    model, x = nn.Sequential(MaskedDropout(1.0)), torch.rand(4, 3)
    with masks_in_force(model, Refusing(), 0, 0):
        assert model(x) is x


def test_layers_are_found_by_name_and_given_one_probability_or_each_its_own():
    model = network()
    assert list(dropout_layers(model)) == ["1", "4"]
    set_keep_prob(model, 0.9)
    assert [layer.keep_prob for layer in dropout_layers(model).values()] == [0.9, 0.9]
    set_keep_prob(model, (0.8, 1))
    assert [layer.keep_prob for layer in dropout_layers(model).values()] == [0.8, 1.0]


@pytest.mark.parametrize(
    ("keep_prob", "message"), [((0.5,), "2 dropout layers \\(1, 4\\)"), (0.0, "KEPT"), ((0.5, 1.5), "KEPT")]
)
def test_keep_probabilities_that_do_not_fit_are_named(keep_prob, message):
    with pytest.raises(ConfigurationError, match=message):
        set_keep_prob(network(), keep_prob)


def test_an_unknown_mask_mode_is_named():
    with pytest.raises(ConfigurationError, match="per_example, shared"):
        masks(mask_mode="row")
