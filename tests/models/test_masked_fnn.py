"""The fully-connected network with dropout inside."""

import pytest
import torch

from dropscape.dropout.layers import ModuleMasks, masks_in_force, set_keep_prob
from dropscape.models.fnn import FullyConnected
from dropscape.models.masked_fnn import MaskedFullyConnected


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
def test_masks_multiply_the_hidden_activations(activation):
    torch.manual_seed(0)
    model, x = MaskedFullyConnected((6, 5, 4, 3), activation).double(), torch.rand(9, 6).double()
    set_keep_prob(model, (0.8, 0.5))
    source = ModuleMasks(1, "test", "masks")
    first = source.mask(2, "dropouts.0", 0.8, 0, (9, 5)) / 0.8
    second = source.mask(2, "dropouts.1", 0.5, 0, (9, 4)) / 0.5
    hidden = first.double() * model.activate(model.layers[0](x))
    hidden = second.double() * model.activate(model.layers[1](hidden))
    with masks_in_force(model, source, 2, 0):
        torch.testing.assert_close(model(x), model.layers[2](hidden), rtol=1e-6, atol=1e-6)
    with masks_in_force(model, source, 2, 0):
        torch.testing.assert_close(model.hidden(x, 2), hidden, rtol=1e-6, atol=1e-6)


def test_without_masks_it_is_the_plain_network_with_the_same_parameters():
    model, plain, x = MaskedFullyConnected((6, 5, 4, 3)), FullyConnected((6, 5, 4, 3)), torch.rand(9, 6)
    set_keep_prob(model, 0.5)
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(x), plain(x)) and torch.equal(model.hidden(x, 1), plain.hidden(x, 1))


@pytest.mark.parametrize("widths", [(6, 5, 3), (6, 5, 4, 3)])
def test_the_last_hidden_activation_is_given_before_its_dropout(widths):
    torch.manual_seed(0)
    model, x, source = MaskedFullyConnected(widths).double(), torch.rand(9, 6).double(), ModuleMasks(1, "test", "masks")
    set_keep_prob(model, 0.5)

    def masked(function, *given):
        with masks_in_force(model, source, 2, 0):
            return function(*given)

    outputs, hidden = masked(model.with_last_hidden, x)
    assert torch.equal(outputs, masked(model, x))
    before = x if len(widths) == 3 else masked(model.hidden, x, 1)
    assert torch.equal(hidden, torch.relu(model.layers[-2](before)))
    assert not torch.equal(hidden, masked(model.hidden, x, len(widths) - 2))


def test_without_output_bias_the_last_bias_is_zero_and_is_not_trained():
    torch.manual_seed(0)
    model = MaskedFullyConnected((6, 5, 4, 3), output_bias=False)
    torch.manual_seed(0)
    other = MaskedFullyConnected((6, 5, 4, 3))
    frozen = [name for name, value in model.named_parameters() if not value.requires_grad]
    assert frozen == ["layers.2.bias"] and not model.layers[2].bias.any()
    for name, value in other.named_parameters():
        assert name in frozen or torch.equal(value, model.get_parameter(name))
