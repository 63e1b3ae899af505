"""Networks from what a training wrote."""

import torch

from dropscape.models.fnn import FullyConnected
from dropscape.models.masked_fnn import MaskedFullyConnected
from dropscape.models.registry import initialised as built
from dropscape.models.restored import networks_of_seeds, restored
from dropscape.training.stacked import StackedNetworks, initialised

SETTINGS = {"name": "fnn", "widths": [4, 6, 5, 3], "activation": "tanh"}


def test_a_network_has_the_given_parameters_and_is_not_trained():
    parameters = {name: value[0] for name, value in initialised(SETTINGS["widths"], "tanh", [3]).items()}
    network = restored(SETTINGS, parameters)
    assert network.activation == "tanh" and not network.training
    assert all(torch.equal(value, parameters[name]) for name, value in network.named_parameters())
    assert not any(value.requires_grad for value in network.parameters())
    before = parameters["layers.0.bias"].clone()
    network.layers[0].bias.add_(1)
    assert torch.equal(parameters["layers.0.bias"], before), "the network has a copy"


def test_every_seed_gets_its_network():
    seeds = (3, 0, 9)
    stacked = initialised(SETTINGS["widths"], "tanh", seeds)
    x, labels = torch.rand(8, 4), torch.zeros(8, dtype=torch.int64)
    losses, _ = StackedNetworks(stacked, "tanh", x, labels).evaluate()
    networks = list(networks_of_seeds(SETTINGS, stacked, seeds))
    assert [seed for seed, _ in networks] == list(seeds)
    for index, (seed, network) in enumerate(networks):
        alone = {name: value[0] for name, value in initialised(SETTINGS["widths"], "tanh", [seed]).items()}
        assert all(torch.equal(value, alone[name]) for name, value in network.named_parameters())
        loss = torch.nn.functional.cross_entropy(network(x).double(), labels)
        torch.testing.assert_close(loss, losses[index], rtol=1e-6, atol=0)


def test_a_network_has_dropout_layers_where_they_are_wanted():
    """Without them a fully-connected network is the very class that curvature treats fastest."""
    parameters = {name: value[0] for name, value in initialised(SETTINGS["widths"], "tanh", [3]).items()}
    assert type(restored(SETTINGS, parameters)) is FullyConnected
    assert type(restored(SETTINGS, parameters, with_dropout=True)) is MaskedFullyConnected


def test_buffers_are_restored_too():
    settings = {"name": "resnet20", "classes": 3, "width": 2, "blocks": 1}
    networks = [built(settings, seed) for seed in (0, 1)]
    for number, network in enumerate(networks, 1):
        network.norm1.running_mean.fill_(number)
    saved = [network.state_dict() for network in networks]
    stacked = {name: torch.stack([one[name] for one in saved]) for name in saved[0]}
    x = torch.rand(2, 3, 32, 32)
    for (_, given), network in zip(networks_of_seeds(settings, stacked, (0, 1)), networks, strict=True):
        assert torch.equal(given(x), network.eval()(x)) and not given.training
