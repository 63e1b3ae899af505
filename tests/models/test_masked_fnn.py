"""The fully-connected network with dropout inside."""

import pytest
import torch

from dropscape.dropout.layers import GroupMasks, masks_in_force, set_keep_prob
from dropscape.models.fnn import FullyConnected
from dropscape.models.masked_fnn import MaskedFullyConnected


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
def test_masks_multiply_the_hidden_activations(activation):
    torch.manual_seed(0)
    model, x = MaskedFullyConnected((6, 5, 4, 3), activation).double(), torch.rand(9, 6).double()
    set_keep_prob(model, (0.8, 0.5))
    source = GroupMasks(1, "test", "masks")
    first = source.mask(2, "dropouts.0", 0.8, 0, (9, 5)) / 0.8
    second = source.mask(2, "dropouts.1", 0.5, 0, (9, 4)) / 0.5
    hidden = first.double() * model.activate(model.layers[0](x))
    hidden = second.double() * model.activate(model.layers[1](hidden))
    with masks_in_force(model, source, 2, 0):
        torch.testing.assert_close(model(x), model.layers[2](hidden), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(model.hidden(x, 2), hidden, rtol=1e-6, atol=1e-6)


def test_without_masks_it_is_the_plain_network_with_the_same_parameters():
    model, plain, x = MaskedFullyConnected((6, 5, 4, 3)), FullyConnected((6, 5, 4, 3)), torch.rand(9, 6)
    set_keep_prob(model, 0.5)
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(x), plain(x)) and torch.equal(model.hidden(x, 1), plain.hidden(x, 1))
