"""Losses and gradients of stacked networks against float64 autograd, one network and one example at a time."""

import math

import pytest
import torch
import torch.nn.functional as F

from dropscape.errors import ConfigurationError
from dropscape.models.fnn import FullyConnected
from dropscape.numerics.devices import Budget
from dropscape.numerics.seeds import derived_seed
from dropscape.training import stacked_networks
from dropscape.training.stacked_networks import StackedNetworks, initialised

WIDTHS, SEEDS, KEEP = (9, 6, 5, 3), (0, 7, 3), 0.7
# Float32 rounds each sum of n terms by at most n eps = 23 * 6e-8 of the sum of moduli; the depth adds a few such steps.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}


def oracle(parameters, index, activation, inputs, labels, masks=None, keep_prob=1.0, dropout_after=1):
    """Mean loss and gradients of network ``index``: float64, every example by itself, the mask in the forward pass."""
    network = FullyConnected(WIDTHS, activation).double()
    network.load_state_dict({name: value[index].double() for name, value in parameters.items()})
    total = 0.0
    for i, (x, label) in enumerate(zip(inputs.double(), labels, strict=True)):
        f = x
        for number, layer in enumerate(network.layers, 1):
            f = layer(f)
            if number < network.depth:
                f = network.activate(f)
            if masks is not None and number == dropout_after:
                f = f * masks[index, :, i if masks.shape[-1] > 1 else 0] / keep_prob
        total = total + F.cross_entropy(f, label)
    loss = total / len(labels)
    names, values = zip(*network.named_parameters(), strict=True)
    return loss.item(), dict(zip(names, torch.autograd.grad(loss, values), strict=True))


def some_masks(mode, units, n, seed=5):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(len(SEEDS), units, n if mode == "per_example" else 1, generator=generator) < KEEP


def check_gradients(networks, parameters, activation, inputs, labels, *given):
    weights, biases, loss = networks.gradients(*given)
    seen = inputs.ne(0).any(dim=0)
    assert loss.dtype == torch.float64
    for index in range(len(SEEDS)):
        expected_loss, expected = oracle(parameters, index, activation, inputs, labels, *given)
        assert float(loss[index]) == pytest.approx(expected_loss, rel=1e-5)
        for layer in range(len(WIDTHS) - 1):
            weight = expected[f"layers.{layer}.weight"]
            if layer == 0:
                assert weight[:, ~seen].eq(0).all(), "a pixel that is never on has no gradient"
                weight = weight[:, seen]
            torch.testing.assert_close(weights[layer][index].double(), weight, **TOLERANCE)
            bias = biases[layer][index].squeeze(-1).double()
            torch.testing.assert_close(bias, expected[f"layers.{layer}.bias"], **TOLERANCE)


@pytest.mark.parametrize("chunk", [4, 23, 2000])
@pytest.mark.parametrize("mode", ["per_example", "shared"])
@pytest.mark.parametrize("dropout_after", [1, 2])
@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
def test_gradients_equal_autograd_with_the_same_masks(
    activation, dropout_after, mode, chunk, monkeypatch, make_examples
):
    """With chunks that end in the middle, at the end and beyond the examples."""
    monkeypatch.setattr(stacked_networks, "CHUNK", Budget(chunk, 0))
    inputs, labels = make_examples(23)
    parameters = initialised(WIDTHS, activation, SEEDS)
    networks = StackedNetworks(parameters, activation, inputs, labels)
    masks = some_masks(mode, WIDTHS[dropout_after], len(labels))
    check_gradients(networks, parameters, activation, inputs, labels, masks, KEEP, dropout_after)


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
def test_gradients_without_dropout_equal_autograd(activation, make_examples):
    inputs, labels = make_examples(23)
    parameters = initialised(WIDTHS, activation, SEEDS)
    check_gradients(StackedNetworks(parameters, activation, inputs, labels), parameters, activation, inputs, labels)


def test_the_real_chunk_border(make_examples):
    """2,003 examples: one full chunk and three more."""
    assert stacked_networks.CHUNK.cpu == 2000
    inputs, labels = make_examples(2003)
    parameters = initialised(WIDTHS, "relu", SEEDS)
    networks = StackedNetworks(parameters, "relu", inputs, labels)
    masks = some_masks("per_example", WIDTHS[1], len(labels))
    weights, biases, loss = networks.gradients(masks, KEEP, 1)
    for index in range(len(SEEDS)):
        network = {name: value[index].double().requires_grad_() for name, value in parameters.items()}
        f = torch.relu(inputs.double() @ network["layers.0.weight"].T + network["layers.0.bias"])
        f = f * masks[index].T / KEEP
        f = torch.relu(f @ network["layers.1.weight"].T + network["layers.1.bias"])
        expected = F.cross_entropy(f @ network["layers.2.weight"].T + network["layers.2.bias"], labels)
        assert float(loss[index]) == pytest.approx(expected.item(), rel=1e-5)
        gradient, bias = torch.autograd.grad(expected, [network["layers.1.weight"], network["layers.0.bias"]])
        torch.testing.assert_close(weights[1][index].double(), gradient, **TOLERANCE)
        torch.testing.assert_close(biases[0][index].squeeze(-1).double(), bias, **TOLERANCE)


@pytest.mark.parametrize("chunk", [4, 2000])
@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
def test_evaluation_is_the_loss_without_dropout_and_the_accuracy(activation, chunk, monkeypatch, make_examples):
    monkeypatch.setattr(stacked_networks, "CHUNK", Budget(chunk, 0))
    inputs, labels = make_examples(23)
    parameters = initialised(WIDTHS, activation, SEEDS)
    loss, accuracy = StackedNetworks(parameters, activation, inputs, labels).evaluate()
    assert loss.dtype == accuracy.dtype == torch.float64
    for index in range(len(SEEDS)):
        network = FullyConnected(WIDTHS, activation)
        network.load_state_dict({name: value[index] for name, value in parameters.items()})
        outputs = network.double()(inputs.double())
        assert float(loss[index]) == pytest.approx(F.cross_entropy(outputs, labels).item(), rel=1e-6)
        assert float(accuracy[index]) == pytest.approx(float((outputs.argmax(dim=1) == labels).double().mean()))


def test_descent_changes_every_parameter_that_has_a_gradient_in_place(make_examples):
    inputs, labels = make_examples(23)
    parameters = initialised(WIDTHS, "tanh", SEEDS)
    before = {name: value.clone() for name, value in parameters.items()}
    networks = StackedNetworks(parameters, "tanh", inputs, labels)
    networks.descend(0.3, *networks.gradients()[:2])
    for index in range(len(SEEDS)):
        _, gradients = oracle(before, index, "tanh", inputs, labels)
        for name, gradient in gradients.items():
            expected = before[name][index].double() - 0.3 * gradient
            torch.testing.assert_close(parameters[name][index].double(), expected, **TOLERANCE)
    dark = inputs.eq(0).all(dim=0)
    assert dark.sum() >= 2
    assert torch.equal(parameters["layers.0.weight"][:, :, dark], before["layers.0.weight"][:, :, dark])


def test_a_seed_starts_as_torch_initialises_whatever_is_stacked_with_it():
    together = initialised(WIDTHS, "relu", SEEDS)
    for index, seed in enumerate(SEEDS):
        alone = initialised(WIDTHS, "tanh", [seed])
        torch.manual_seed(derived_seed(seed, "training", "initialisation"))
        expected = FullyConnected(WIDTHS).state_dict()
        for name, value in together.items():
            assert value.dtype == torch.float32
            assert torch.equal(value[index], alone[name][0]) and torch.equal(value[index], expected[name])
    assert not torch.equal(together["layers.1.weight"][0], together["layers.1.weight"][1])
    bound = 1 / math.sqrt(WIDTHS[1])
    assert together["layers.1.weight"].abs().max() <= bound


def test_initialising_leaves_the_global_stream_alone():
    before = torch.random.get_rng_state()
    initialised(WIDTHS, "relu", SEEDS)
    assert torch.equal(before, torch.random.get_rng_state())


def test_an_unknown_activation_is_named(make_examples):
    with pytest.raises(ConfigurationError, match=r"model\.activation is 'swish'; write one of identity, relu, tanh"):
        StackedNetworks(initialised(WIDTHS, "relu", SEEDS), "swish", *make_examples(3))
