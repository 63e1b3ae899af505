"""Losses between two networks against networks whose parameters were mixed by hand."""

import pytest
import torch
from torch import nn

from dropscape.errors import ConfigurationError, RandomObjectiveError
from dropscape.flatness.interpolation import interpolated_losses
from dropscape.models.fnn import FullyConnected
from tests.toy_models import convolutional

ALPHAS = [0.0, 0.3, 1.0, 1.5]


def networks(widths=(4, 6, 3), activation="tanh"):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [FullyConnected(widths, activation).double() for _ in range(2)]


def data(n=11):
    generator = torch.Generator().manual_seed(1)
    return (torch.randn(n, size, generator=generator, dtype=torch.float64) for size in (4, 3))


def test_losses_are_those_of_the_mixed_parameters():
    (first, second), (inputs, targets) = networks(), data()
    before = [{name: value.clone() for name, value in one.state_dict().items()} for one in (first, second)]
    losses = interpolated_losses(first, second, inputs, targets, ALPHAS, "mse")
    (w1, b1, w2, b2), (v1, c1, v2, c2) = (list(one.values()) for one in before)
    for alpha, loss in zip(ALPHAS, losses, strict=True):

        def mixed(one, other, alpha=alpha):
            return (1 - alpha) * one + alpha * other

        hidden = torch.tanh(inputs @ mixed(w1, v1).T + mixed(b1, c1))
        outputs = hidden @ mixed(w2, v2).T + mixed(b2, c2)
        assert loss == pytest.approx(float((outputs - targets).square().sum() / (2 * len(inputs))), rel=1e-12)
    for network, state in zip((first, second), before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_a_linear_model_has_a_parabola_and_the_ends_are_the_networks_own():
    """A single layer's loss is quadratic in its weights: three losses determine all others."""
    first, second = networks(activation="identity")
    second.layers[0].load_state_dict(first.layers[0].state_dict())
    inputs, targets = data()
    low, middle, high, outside = interpolated_losses(first, second, inputs, targets, [0, 0.5, 1, 2], "mse")
    for network, loss in ((first, low), (second, high)):
        with torch.no_grad():
            expected = (network(inputs) - targets).square().sum() / (2 * len(inputs))
        assert loss == pytest.approx(float(expected), rel=1e-12)
    assert outside == pytest.approx(3 * low - 8 * middle + 6 * high, rel=1e-9)


def test_what_has_no_line_between_is_refused():
    inputs, targets = data()
    first, wider = networks()[0], networks((4, 7, 3))[0]
    with pytest.raises(ConfigurationError, match="write runs of one model"):
        interpolated_losses(first, wider, inputs, targets, ALPHAS, "mse")
    model, images, classes = convolutional()
    with pytest.raises(ConfigurationError, match=r"a network without statistics .* unlike Convolutional; leave"):
        interpolated_losses(model, model, images, classes, ALPHAS, "cross_entropy")
    noisy = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5)).double()
    with pytest.raises(RandomObjectiveError):
        interpolated_losses(noisy.train(), noisy, inputs, targets, ALPHAS, "mse")
