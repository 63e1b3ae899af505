"""Hessian of the dropout loss and covariance of one example's gradient against autograd and enumeration, float64."""

from itertools import product
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.func import functional_call, hessian, jacrev
from torch.nn.functional import cross_entropy

from dropscape.dropout.layers import MaskedDropout, ModuleMasks
from dropscape.models.fnn import FullyConnected
from dropscape.noise.per_example import (
    FrozenMasks,
    HiddenMask,
    dropout_loss_hessian,
    gradient_moments,
    per_example_covariance,
)

KEEP, EXAMPLES = 0.6, 40


class Masked(nn.Sequential):
    """Two dense layers with a dropout layer between them and one before the last."""

    def __init__(self):
        super().__init__(nn.Linear(4, 5), nn.ReLU(), MaskedDropout(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))


@pytest.fixture
def examples():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(EXAMPLES, 4, generator=generator)
    targets = torch.randint(3, (EXAMPLES,), generator=generator)
    return SimpleNamespace(train_inputs=inputs, train_targets=targets)


def settings(name="fnn", dropout_after=1, block="layers.1.weight"):
    return {
        "model": {"name": name, "widths": [4, 5, 4, 3], "activation": "relu"}, "loss": "cross_entropy",
        "label_smoothing": 0.0, "block": [block], "keep_prob": KEEP, "dropout_after": dropout_after,
    }  # fmt: skip


def network(seed=1):
    torch.manual_seed(seed)
    return FullyConnected([4, 5, 4, 3])


def exact(model, name, inputs, targets):
    """Hessian of the mean loss, and covariance of the examples' gradients, by float64 autograd."""
    model = model.double()
    start = model.get_parameter(name).detach()

    def losses(weight):
        return cross_entropy(functional_call(model, {name: weight}, (inputs,)), targets, reduction="none")

    size = start.numel()
    rows = jacrev(losses)(start).reshape(-1, size)
    curvature = hessian(lambda weight: losses(weight).mean())(start).reshape(size, size)
    return curvature, rows.T @ rows / len(rows) - torch.outer(rows.mean(0), rows.mean(0))


def enumerated(model, after, x, targets):
    """Both, over all masks of the hidden layer with their probabilities, example by example."""
    model, total, moment, mean = model.double(), 0, 0, 0
    units = model.widths[after]
    for kept in product([0.0, 1.0], repeat=units):
        probability = KEEP ** sum(kept) * (1 - KEEP) ** (units - sum(kept))
        factors = torch.tensor(kept, dtype=torch.float64).expand(len(x), -1) / KEEP
        masked = HiddenMask(model, after)
        curvature, _ = exact(masked, "network.layers.1.weight", (x.double(), factors), targets)
        second, first = _moments(masked, (x.double(), factors), targets)
        total, moment, mean = total + probability * curvature, moment + probability * second, mean + probability * first
    return total, moment - torch.outer(mean, mean)


def _moments(model, inputs, targets):
    name = "network.layers.1.weight"
    start = model.get_parameter(name).detach()

    def losses(weight):
        return cross_entropy(functional_call(model, {name: weight}, (inputs,)), targets, reduction="none")

    rows = jacrev(losses)(start).reshape(len(targets), -1).detach()
    return rows.T @ rows / len(rows), rows.mean(0)


@pytest.mark.parametrize("after", [1, 2])
def test_many_draws_come_to_the_enumeration_of_all_masks(after, examples):
    """Before and behind the block; 600 draws leave 2 to 3 % of the norms."""
    given = network(), settings(dropout_after=after), examples, 0, "test", 600
    curvature, covariance = dropout_loss_hessian(*given), per_example_covariance(*given)
    expected = enumerated(network(), after, examples.train_inputs, examples.train_targets)
    for found, true in zip((curvature, covariance), expected, strict=True):
        assert float((found - true).norm() / true.norm()) < 0.04
    plain, _ = exact(network(), "layers.1.weight", examples.train_inputs.double(), examples.train_targets)
    assert float((plain - expected[0]).norm() / plain.norm()) > 0.1, "a mask that changes nothing would pass"


def test_a_tanh_network_takes_the_general_road(examples):
    smooth = settings() | {"model": settings()["model"] | {"activation": "tanh"}}
    model = FullyConnected([4, 5, 4, 3], "tanh")
    with_masks = dropout_loss_hessian(model, smooth, examples, 0, "test", 300)
    total = enumerated(model, 1, examples.train_inputs, examples.train_targets)[0]
    assert float((with_masks - total).norm() / total.norm()) < 0.06


def test_moments_are_those_of_autograd(examples):
    model = HiddenMask(network(), 1)
    factors = torch.rand(EXAMPLES, 5)
    given = examples.train_inputs, factors
    block = ["network.layers.1.weight"]
    second, first = gradient_moments(model, block, given, examples.train_targets, _losses)
    expected = _moments(model.double(), (given[0].double(), factors.double()), examples.train_targets)
    torch.testing.assert_close(second.double(), expected[0], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(first.double(), expected[1], rtol=1e-5, atol=1e-7)


def _losses(outputs, targets):
    return cross_entropy(outputs, targets, reduction="none")


def test_frozen_masks_are_those_of_the_examples_numbers(examples):
    """Whatever the batches, and other ones of another draw."""
    torch.manual_seed(2)
    model = Masked().eval()
    model[2].keep_prob = KEEP
    masks = ModuleMasks(0, "noise", "test")
    x, numbers = examples.train_inputs, torch.arange(EXAMPLES)
    frozen, other = FrozenMasks(model, masks, 0), FrozenMasks(model, masks, 1)
    whole = frozen((x, numbers))
    assert torch.equal(torch.cat([frozen((x[:7], numbers[:7])), frozen((x[7:], numbers[7:]))]), whole)
    some = torch.tensor([3, 4, 9, 31])
    torch.testing.assert_close(frozen((x[some], some)), whole[some])
    assert not torch.equal(other((x, numbers)), whole) and not torch.equal(model(x), whole)


def test_modules_with_dropout_layers(examples, monkeypatch):
    """The Hessian under one draw is that of the network with these masks, by float64 autograd."""
    from dropscape.noise import per_example

    torch.manual_seed(2)
    model = Masked().eval()
    monkeypatch.setattr(per_example, "has_one_hidden_mask", lambda settings: False)
    monkeypatch.setattr(per_example, "keep_probs", lambda settings: KEEP)
    given = model, settings(block="3.weight"), examples, 0, "test", 1
    curvature, covariance = dropout_loss_hessian(*given), per_example_covariance(*given)
    kept = ModuleMasks(0, "noise", "test").mask(0, "2", KEEP, 0, (EXAMPLES, 5)) / KEEP
    same = HiddenMask(FullyConnected([4, 5, 4, 3]), 1)  # the same weights with these masks
    for dense, own in zip(same.network.layers, (model[0], model[3], model[5]), strict=True):
        dense.load_state_dict(own.state_dict())
    inputs = examples.train_inputs.double(), kept.double()
    expected = exact(same, "network.layers.1.weight", inputs, examples.train_targets)
    for found, true in zip((curvature, covariance), expected, strict=True):
        torch.testing.assert_close(found.double(), true, rtol=1e-4, atol=1e-6)
