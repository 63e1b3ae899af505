"""Batch norm by fixed groups, and the population's statistics."""

import itertools

import pytest
import torch
from torch import nn

from dropscape.models.batch_norm import (
    GroupedBatchNorm1d,
    GroupedBatchNorm2d,
    batch_norms,
    set_population_statistics,
)


def layer(kind=GroupedBatchNorm2d, group=None, channels=3):
    made = kind(channels).double()
    made.group = group
    with torch.no_grad():
        made.weight.uniform_(0.5, 2)
        made.bias.normal_()
    return made


def data(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 3 + 1


@pytest.mark.parametrize(("kind", "shape"), [(GroupedBatchNorm1d, (11, 3)), (GroupedBatchNorm2d, (11, 3, 4, 4))])
def test_each_group_is_normalised_as_a_separate_batch(kind, shape):
    ours, x = layer(kind, group=4), data(*shape)
    theirs = (nn.BatchNorm1d if kind is GroupedBatchNorm1d else nn.BatchNorm2d)(3).double().train()
    theirs.load_state_dict(ours.state_dict())
    expected = torch.cat([theirs(few) for few in (x[:4], x[4:8], x[8:])])
    torch.testing.assert_close(ours.train()(x), expected)
    assert torch.equal(ours.running_mean, torch.zeros(3, dtype=torch.float64)), "nothing is averaged along training"


def test_without_a_group_all_examples_are_one():
    one, x = layer(), data(9, 3, 2, 2)
    out = one.train()(x)
    torch.testing.assert_close(out.mean(dim=(0, 2, 3)), one.bias.detach())
    torch.testing.assert_close(out.std(dim=(0, 2, 3), correction=0), one.weight.detach(), rtol=1e-5, atol=0)


def two_layers(group):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), layer(group=group), nn.ReLU(), nn.Conv2d(3, 4, 1), layer(channels=4))
    for norm in batch_norms(model):
        norm.group = group
    return model.double()


def test_with_one_group_evaluation_is_training_mode_on_the_same_examples():
    model, x = two_layers(None), data(8, 2, 5, 5)
    expected = model.train()(x)
    set_population_statistics(model, [x])
    assert not model.training
    torch.testing.assert_close(model(x), expected)


@pytest.mark.parametrize("batches", [[0, 12], [0, 8, 12], [0, 4, 8, 12]])
def test_moments_are_those_of_all_values_whatever_the_batches(batches):
    """The layer's inputs in training mode, of unequal groups, pooled: mean and variance of the union."""
    model, x = two_layers(4), data(11, 2, 5, 5)
    seen = {}
    for index in (1, 4):
        model[index].register_forward_pre_hook(lambda module, given, index=index: seen.update({index: given[0]}))
    model.train()(x)
    expected = {index: (values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3), correction=0))
                for index, values in seen.items()}  # fmt: skip
    set_population_statistics(model, [x[start:stop] for start, stop in itertools.pairwise(batches)])
    for index, (mean, variance) in expected.items():
        torch.testing.assert_close(model[index].running_mean, mean)
        torch.testing.assert_close(model[index].running_var, variance)


def test_statistics_forget_those_before_and_leave_no_trace():
    model, x = two_layers(4), data(8, 2, 5, 5)
    set_population_statistics(model, [x * 7])
    set_population_statistics(model, [x])
    fresh = two_layers(4)
    set_population_statistics(fresh, [x])
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    assert not any(value.requires_grad for value in model.buffers())
