"""The fully-connected network against its formula."""

import pytest
import torch
from torch.nn import functional as F

from dropscape.errors import ConfigurationError
from dropscape.models.fnn import ACTIVATIONS, FullyConnected

FUNCTIONS = {"relu": F.relu, "tanh": torch.tanh, "identity": lambda z: z}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return lambda activation="relu": FullyConnected((4, 6, 5, 3), activation).double()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_layer_is_the_papers_formula(network, activation):
    """f^[l] = sigma(W^[l] f^[l-1] + b^[l]), no activation after the last layer."""
    model, x = network(activation), torch.randn(7, 4, dtype=torch.float64)
    expected = x
    assert torch.equal(model.hidden(x, 0), x)
    for layer in range(1, 4):
        z = expected @ model.layers[layer - 1].weight.T + model.layers[layer - 1].bias
        expected = FUNCTIONS[activation](z) if layer < 3 else z
        if layer < 3:
            torch.testing.assert_close(model.hidden(x, layer), expected)
    torch.testing.assert_close(model(x), expected)
    assert model(x).shape == (7, 3)


def test_the_network_knows_its_shape_and_is_deterministic_in_training_mode(network):
    model, x = network().train(), torch.randn(7, 4, dtype=torch.float64)
    assert (model.depth, model.widths) == (3, (4, 6, 5, 3))
    assert [tuple(layer.weight.shape) for layer in model.layers] == [(6, 4), (5, 6), (3, 5)]
    assert torch.equal(model(x), model(x)), "a network with dropout in it would differ"


def test_names_of_parameters_are_those_that_blocks_name(network):
    names = [f"layers.{index}.{kind}" for index in range(3) for kind in ("weight", "bias")]
    assert [name for name, _ in network().named_parameters()] == names


@pytest.mark.parametrize("widths", [[], [5], [784, 10]])
def test_too_few_widths_are_named_with_an_example(widths):
    with pytest.raises(ConfigurationError, match=r"model\.widths is .*write for example \[784, 50, 50, 10\]"):
        FullyConnected(widths)


def test_an_unknown_activation_is_named_with_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"model\.activation is 'swish'; write one of identity, relu, tanh"):
        FullyConnected((2, 2, 2), "swish")
