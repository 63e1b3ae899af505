import itertools

import torch

from dropscape.equations import network
from dropscape.equations.activations import activation_called
from dropscape.equations.network import Sample, two_layers, with_ones
from dropscape.equations.sampled import SampledSimulation, SampledTrials, outputs_of, risks
from tests.equations.networks import close, normals

TANH = activation_called("tanh")


def deep(seed: int, widths: list[int], trials: int):
    """Weights of every layer and a sample of five examples, float64."""
    generator = torch.Generator().manual_seed(seed)
    last = len(widths) - 2
    weights = [
        normals(generator, trials, outputs, inputs + (index < last))
        for index, (inputs, outputs) in enumerate(itertools.pairwise(widths))
    ]
    return weights, Sample(with_ones(normals(generator, 5, widths[0])), normals(generator, 5, widths[-1]))


def one_output(weights, x, masks):
    """The network's outputs on one input with its one, by sums over units."""
    hidden = x
    for index, layer in enumerate(weights[:-1]):
        hidden = masks[index] * torch.tanh(torch.stack([(row * hidden).sum() for row in layer]))
        if index < len(weights) - 2:
            hidden = torch.cat([hidden, torch.ones(1, dtype=torch.float64)])
    return torch.stack([(row * hidden).sum() for row in weights[-1]])


def test_outputs_under_masks_are_those_of_every_trial_draw_and_example():
    trials, draws = 2, 3
    weights, sample = deep(0, [3, 4, 5, 2], trials)
    generator = torch.Generator().manual_seed(1)
    masks = [normals(generator, trials, draws, units) for units in (4, 5)]
    outputs = outputs_of(weights, sample.inputs[None, None], TANH, masks)
    assert outputs.shape == (trials, draws, 5, 2)
    for trial in range(trials):
        for draw in range(draws):
            for example, x in enumerate(sample.inputs):
                own = [layer[trial] for layer in weights], x, [mask[trial, draw] for mask in masks]
                close(outputs[trial, draw, example], one_output(*own))
    plain = outputs_of(weights, sample.inputs[None, None], TANH)
    close(plain, outputs_of(weights, sample.inputs[None, None], TANH, [torch.ones_like(mask[:, :1]) for mask in masks]))


def test_a_network_and_a_batch_for_each_draw():
    weights, sample = deep(2, [3, 4, 2], 2)
    generator = torch.Generator().manual_seed(3)
    moved = [layer[:, None] + normals(generator, 2, 3, *layer.shape[1:]) for layer in weights]
    batches = torch.randint(5, (2, 3, 4), generator=generator)
    outputs = outputs_of(moved, sample.inputs[batches], TANH)
    for draw in range(3):
        for trial in range(2):
            own = [layer[trial, draw][None] for layer in moved]
            close(outputs[trial, draw], outputs_of(own, sample.inputs[batches[trial, draw]][None, None], TANH)[0, 0])
    targets = sample.targets[batches]
    expected = [
        [((outputs[trial, draw] - targets[trial, draw]) ** 2).sum() / 2 / 4 for draw in range(3)] for trial in range(2)
    ]
    close(risks(outputs, targets), torch.tensor(expected))


def test_one_hidden_layer_has_the_losses_of_the_two_layer_network(monkeypatch):
    weights, sample = deep(4, [3, 6, 2], 4)
    expected = network.losses_and_accuracies(two_layers(weights), sample, TANH)
    monkeypatch.setattr(network, "CHUNK", 2)
    trials = SampledTrials(SampledSimulation("tanh", 0.1, 0, (), (0,)), weights, sample, None)
    for actual, wanted in zip(trials._losses_and_accuracies(sample), expected, strict=True):
        close(actual, wanted)
