"""The network and its step against PyTorch's modules and autograd in float64."""

import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot, pad

from dropscape.errors import ConfigurationError
from dropscape.subnetworks.cnn import FEATURES, Shape, features, initial_parameters, stacked_step, step
from dropscape.subnetworks.convolutions import PADDING
from tests.subnetworks.networks import SMALL, drawn, reference

RATE = 0.03


def masks(count, keep_prob=0.4, seed=1):
    return torch.rand(count, SMALL.width, generator=torch.Generator().manual_seed(seed)) < keep_prob


@pytest.mark.parametrize("shape", [SMALL, Shape(28, (6, 16), 120, 30, 10), Shape(13, (2, 3), 5, 8, 3)])
def test_features_are_those_of_the_modules(shape):
    parameters, images, _ = drawn(shape, n=6)
    module = reference(shape, parameters)
    expected = module.dense[:2](module.convolutions(images))
    below = features(parameters, images)
    torch.testing.assert_close(below[:, :-1], expected)
    assert (below[:, -1] == 1).all()
    outputs = torch.relu(below @ parameters["incoming"].T) @ parameters["outgoing"] + parameters["output_bias"]
    torch.testing.assert_close(outputs, module(images))


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-12), (torch.float32, 3e-5)])
@pytest.mark.parametrize("keep_prob", [0.4, 1.0])
def test_steps_are_gradient_descent_on_the_masked_network(keep_prob, dtype, tolerance):
    """Three steps with three masks; at a keep probability of 1 nothing is dropped or scaled."""
    parameters, images, labels = drawn(dtype=dtype)
    module = reference(SMALL, {name: value.double() for name, value in parameters.items()})
    for mask in masks(3) if keep_prob < 1 else torch.ones(3, SMALL.width, dtype=torch.bool):
        loss = step(parameters, images, labels, mask, keep_prob, RATE)
        expected = cross_entropy(module(images.double(), mask, 1 / keep_prob), labels)
        module.zero_grad()
        expected.backward()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter -= RATE * parameter.grad
        assert float(loss) == pytest.approx(expected.item(), rel=tolerance)
    after = reference(SMALL, parameters).state_dict()
    for name, value in module.state_dict().items():
        torch.testing.assert_close(after[name].double(), value, rtol=100 * tolerance, atol=tolerance)


def test_each_example_may_have_its_mask():
    """Against autograd, and side by side; a mask for all of them is the step with one mask."""
    keep_prob, each = 0.4, masks(16, 0.4, seed=3)
    parameters, images, labels = drawn(n=16)
    module = reference(SMALL, parameters)
    cross_entropy(module(images, each, 1 / keep_prob), labels).backward()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter -= RATE * parameter.grad
    stacked = {name: torch.stack([value, value]) for name, value in parameters.items()}
    same = {name: value.clone() for name, value in parameters.items()}
    loss = step(parameters, images, labels, each, keep_prob, RATE)
    for name, value in module.state_dict().items():
        torch.testing.assert_close(reference(SMALL, parameters).state_dict()[name], value, rtol=1e-10, atol=1e-12)
    shared = each[:1].expand_as(each)
    both = torch.stack([each, shared]) / keep_prob
    padded = pad(images.transpose(0, 1).expand(2, -1, -1, -1), (PADDING,) * 4)
    losses = stacked_step(stacked, padded, one_hot(labels, SMALL.classes).double().expand(2, -1, -1), both, RATE)
    assert float(losses[0]) == pytest.approx(float(loss))
    step(same, images, labels, each[0], keep_prob, RATE)
    for name, value in stacked.items():
        torch.testing.assert_close(value, torch.stack([parameters[name], same[name]]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [SMALL, Shape(28, (6, 16), 120, 300, 10), Shape(13, (2, 3), 5, 8, 3)])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_steps_side_by_side_are_those_one_after_another(shape, dtype, tolerance):
    """Three steps of four networks, which differ in everything; one keeps every unit."""
    keep_probs = torch.tensor([0.4, 0.8, 1.0, 0.1], dtype=dtype)
    networks, images, labels = zip(*(drawn(shape, 16, seed, dtype) for seed in range(4)), strict=True)
    stacked = {name: torch.stack([network[name] for network in networks]) for name in networks[0]}
    padded = pad(torch.cat(images, dim=1).transpose(0, 1), (PADDING,) * 4)
    targets = one_hot(torch.stack(labels), shape.classes).to(dtype)
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        masks = torch.rand(4, shape.width, generator=generator) < keep_probs[:, None]
        before = stacked["incoming"].clone(), stacked["outgoing"].clone()
        losses = stacked_step(stacked, padded, targets, masks / keep_probs[:, None], RATE)
        for was, now in zip(before, (stacked["incoming"], stacked["outgoing"]), strict=True):
            assert torch.equal(was[~masks], now[~masks])
        for index, parameters in enumerate(networks):
            keep_prob = float(keep_probs[index])
            loss = step(parameters, images[index], labels[index], masks[index], keep_prob, RATE)
            torch.testing.assert_close(losses[index], loss, rtol=tolerance, atol=0)
            for name, value in parameters.items():
                scale = float(value.abs().max())
                torch.testing.assert_close(stacked[name][index], value, rtol=0, atol=tolerance * scale)


def test_dropped_units_stay_where_they_are():
    parameters, images, labels = drawn()
    before = {name: value.clone() for name, value in parameters.items()}
    mask = masks(1)[0]
    step(parameters, images, labels, mask, 0.4, RATE)
    for name in ("incoming", "outgoing"):
        assert torch.equal(parameters[name][~mask], before[name][~mask])
    for name in (*FEATURES, "output_bias"):
        assert not torch.equal(parameters[name], before[name])
    assert not torch.equal(parameters["outgoing"][mask], before["outgoing"][mask])


def test_scaling_at_test_time_is_the_same_training():
    """Sub-networks without 1/q, output weights W/q at the rate eta/q^2, multiplied by q at test time (Algorithm 1)."""
    keep_prob = 0.4
    parameters, images, labels = drawn()
    module = reference(SMALL, parameters)
    with torch.no_grad():
        module.output.weight /= keep_prob
    for mask in masks(5):
        step(parameters, images, labels, mask, keep_prob, RATE)
        module.zero_grad()
        cross_entropy(module(images, mask), labels).backward()
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                parameter -= RATE / (keep_prob**2 if name == "output.weight" else 1) * parameter.grad
    inverted, mask = reference(SMALL, parameters), masks(6)[5]
    torch.testing.assert_close(inverted(images, mask, 1 / keep_prob), module(images, mask))
    with torch.no_grad():
        module.output.weight *= keep_prob
    torch.testing.assert_close(inverted(images), module(images))
    assert not torch.allclose(inverted(images), reference(SMALL, drawn()[0])(images), atol=1e-2)


def test_the_initialisation_is_torchs():
    """Uniform within 1/sqrt(inputs) of each layer, biases too."""
    shape = Shape(28, (6, 16), 120, 500, 10)
    parameters = initial_parameters(shape, 3)
    assert all(value.dtype == torch.float32 and not value.requires_grad for value in parameters.values())
    assert torch.equal(initial_parameters(shape, 3)["incoming"], parameters["incoming"])
    assert not torch.equal(initial_parameters(shape, 4)["conv1.bias"], parameters["conv1.bias"])
    inputs = {"conv1": 25, "conv2": 150, "hidden": 400, "incoming": 120, "outgoing": 500, "output_bias": 500}
    for name, value in parameters.items():
        bound = inputs[name.split(".")[0]] ** -0.5
        assert value.abs().max() <= bound
        if value.numel() > 100:
            assert float(value.std()) == pytest.approx(bound / 3**0.5, rel=4 / value.numel() ** 0.5)


def test_images_that_pooling_leaves_nothing_of_are_refused():
    with pytest.raises(ConfigurationError, match=r"11 x 11.*12 x 12"):
        Shape(11, (2, 2), 5, 5, 2)
    assert Shape(12, (2, 2), 5, 5, 2).pooled_side == 1
