"""What every stage measures of a run: the networks it trained, and the risk it descended."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from dropscape.data.examples import Examples
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import cross_entropy_per_example, mean_loss, smoothed_entropy
from dropscape.models.registry import initialised, with_data_dimensions
from dropscape.training.run_networks import load_networks, risk_floor, run_risk

PAIRS = {
    "model": {"name": "transformer", "d_model": 8, "d_k": 3, "d_ff": 6, "heads": 2, "layers": 1},
    "loss": "cross_entropy",
    "label_smoothing": 0.1,
    "seeds": [3, 5],
    "keep_prob": 0.9,
    "dropout_after": 1,
}
DIGITS = PAIRS | {"model": {"name": "fnn", "widths": [6, 5, 4, 3], "activation": "relu"}, "label_smoothing": 0.0}


def pairs():
    """Six sentences of four words and their translations, padded at the end with 0."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, 7, (6, 9), generator=generator)
    targets = torch.randint(1, 9, (6, 5), generator=generator)
    for row, length in enumerate((5, 4, 3, 5, 2, 1)):
        targets[row, length:] = 0
    words = {"source_vocabulary": list("abcdefg"), "target_vocabulary": list("abcdefghi"), "source_length": 4}
    return Examples(tokens, targets, tokens[:2], targets[:2], words)


def digits():
    generator = torch.Generator().manual_seed(0)
    inputs, targets = torch.rand(6, 6, generator=generator), torch.randint(3, (6,), generator=generator)
    return Examples(inputs, targets, inputs, targets, {})


def stacked(settings, examples):
    states = [
        initialised(with_data_dimensions(settings["model"], examples.description), seed).state_dict() for seed in (3, 5)
    ]
    return {name: torch.stack([state[name] for state in states]) for name in states[0]}


def test_the_risk_of_sentences_is_the_smoothed_mean_over_words_whatever_the_batch():
    examples = pairs()
    (_, network), _ = load_networks(PAIRS, stacked(PAIRS, examples), examples)
    risk = run_risk(PAIRS, examples)
    outputs = network(examples.train_inputs)
    words = examples.train_targets.flatten()
    expected = cross_entropy(outputs.flatten(0, 1), words, ignore_index=0, label_smoothing=0.1)
    for batch in (1, 4, 6):
        found = mean_loss(network, examples.train_inputs, examples.train_targets, risk, batch)
        assert found == pytest.approx(float(expected), rel=1e-6)


def test_the_floor_of_the_risk_is_the_entropy_of_smoothed_words():
    examples = pairs()
    (_, network), _ = load_networks(PAIRS, stacked(PAIRS, examples), examples)
    assert risk_floor(PAIRS, network, examples) == smoothed_entropy(9, 0.1) > 0
    (_, network), _ = load_networks(DIGITS, stacked(DIGITS, digits()), digits())
    assert risk_floor(DIGITS, network, digits()) == 0


def test_the_risk_of_classes_is_the_loss_that_fast_backends_support():
    assert run_risk(DIGITS, digits()) is cross_entropy_per_example


def test_each_seed_has_its_network_in_evaluation_mode():
    examples = pairs()
    tensors = stacked(PAIRS, examples)
    for position, (seed, network) in enumerate(load_networks(PAIRS, tensors, examples)):
        assert seed == PAIRS["seeds"][position] and not network.training
        assert all(torch.equal(value, tensors[name][position]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("with_dropout", "after", "plain"), [(False, [1, 2], True), (True, 1, True), (True, [1, 2], False)]
)
def test_a_fully_connected_network_has_dropout_layers_only_where_they_are_needed(with_dropout, after, plain):
    settings, examples = DIGITS | {"dropout_after": after}, digits()
    for _, network in load_networks(settings, stacked(settings, examples), examples, with_dropout):
        assert (type(network) is FullyConnected) is plain
