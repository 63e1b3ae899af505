"""Optimizers that stop and resume."""

import pytest
import torch
from torch import nn

from dropscape.errors import ConfigurationError
from dropscape.training.optimizers import make_optimizer, optimizer_tensors, restore_optimizer


def model():
    torch.manual_seed(0)
    return nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)


def steps(network, optimizer, which):
    for step in which:
        optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
        optimizer.zero_grad()
        generator = torch.Generator().manual_seed(step)
        network(torch.rand(2, 3, 5, 5, generator=generator)).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize(("name", "count"), [("gd", 0), ("nesterov", 2), ("adam", 6)])
def test_a_restored_optimizer_goes_on_to_the_same_bits(name, count):
    whole = model()
    steps(whole, make_optimizer(name, whole.parameters()), range(5))
    first = model()
    optimizer = make_optimizer(name, first.parameters())
    assert optimizer_tensors(optimizer) == {}
    steps(first, optimizer, range(3))
    stored = {key: value.contiguous().clone() for key, value in optimizer_tensors(optimizer).items()}
    assert len(stored) == count
    second = model()
    second.load_state_dict(first.state_dict())
    optimizer = make_optimizer(name, second.parameters())
    restore_optimizer(optimizer, stored)
    steps(second, optimizer, range(3, 5))
    for one, two in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two) and one.stride() == two.stride()
    for value in optimizer_tensors(optimizer).values():
        assert value.ndim < 4 or value.is_contiguous(memory_format=torch.channels_last), "as it would be without a stop"


def test_momentum_is_as_told():
    network = model()
    assert make_optimizer("nesterov", network.parameters(), momentum=0.5).param_groups[0]["momentum"] == 0.5


def test_coefficients_of_adam_are_those_of_vaswani_et_al_with_their_warm_up():
    kinds = [make_optimizer("adam", model().parameters(), with_warm_up=kind).param_groups[0] for kind in (False, True)]
    assert [kind["betas"] for kind in kinds] == [(0.9, 0.999), (0.9, 0.98)]
    assert [kind["eps"] for kind in kinds] == [1e-8, 1e-9]


def test_an_unknown_optimizer_is_named():
    with pytest.raises(ConfigurationError, match="'sgd'; write one of gd, nesterov, adam"):
        make_optimizer("sgd", model().parameters())
