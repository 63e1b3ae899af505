import math

import pytest
import torch

from dropscape.equations.activations import activation_called
from dropscape.equations.inputs import initial_weights
from dropscape.equations.network import forward, two_layers
from dropscape.equations.sampled import outputs_of
from tests.equations.test_deep import deep

WIDTHS = [30, 40, 50, 10]


@pytest.mark.parametrize("scale", [None, [0.5, 2.0, 0.1]])
def test_every_layer_has_its_scale_and_hidden_ones_their_biases(scale):
    weights = initial_weights(WIDTHS, scale, [3, 1], 4)
    assert [tuple(layer.shape) for layer in weights] == [(8, 40, 31), (8, 50, 41), (8, 10, 50)]
    for index, layer in enumerate(weights):
        count = layer.numel()
        if scale is None:
            bound = 1 / math.sqrt(WIDTHS[index])
            assert layer.abs().max() <= bound
            deviation = bound / math.sqrt(3)
        else:
            deviation = scale[index]
        # Five standard errors; of a deviation at most those of a normal's.
        assert abs(float(layer.mean())) < 5 * deviation / math.sqrt(count)
        assert abs(float(layer.std()) / deviation - 1) < 5 / math.sqrt(2 * count)


def test_a_seed_draws_the_same_whatever_the_other_seeds_and_the_scale():
    both, alone = initial_weights(WIDTHS, None, [3, 1], 4), initial_weights(WIDTHS, None, [1], 4)
    assert all(torch.equal(one[4:], other) for one, other in zip(both, alone, strict=True))
    assert not torch.equal(both[0][:4], both[0][4:]) and not torch.equal(both[0][0], both[0][1])
    once, twice = initial_weights(WIDTHS, [1, 1, 1], [3], 2), initial_weights(WIDTHS, [2, 2, 2], [3], 2)
    assert all(torch.equal(2 * one, other) for one, other in zip(once, twice, strict=True))


def test_two_layers_are_the_same_network():
    weights, sample = deep(0, [3, 4, 2], 3)
    sigma = activation_called("gelu")
    residuals = forward(two_layers(weights), sample, sigma).residuals.mT
    torch.testing.assert_close(outputs_of(weights, sample.inputs[None, None], sigma)[:, 0] - sample.targets, residuals)
