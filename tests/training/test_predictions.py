"""Which test examples are predicted right, against each network's own outputs."""

from dataclasses import replace

import torch

from dropscape.training.predictions import predicted_right
from dropscape.training.run_networks import load_networks
from tests.training.test_run_networks import DIGITS, PAIRS, digits, pairs, stacked


def test_each_examples_largest_output_is_compared_with_its_class():
    examples, states = digits(), stacked(DIGITS, digits())
    found = predicted_right(DIGITS, states, examples)
    for seed, network in load_networks(DIGITS, states, examples):
        rows = found[found["seed"] == seed]
        expected = network(examples.test_inputs).argmax(dim=1) == examples.test_targets
        assert rows["example"].tolist() == list(range(6)) and rows["correct"].tolist() == expected.int().tolist()
    one_hot = replace(examples, test_targets=torch.nn.functional.one_hot(examples.test_targets, 3).float())
    assert predicted_right(DIGITS, states, one_hot).equals(found)


def test_sentences_regressions_and_no_test_examples_have_no_rows():
    assert predicted_right(PAIRS, stacked(PAIRS, pairs()), pairs()).empty
    examples, states = digits(), stacked(DIGITS, digits())
    for change in (
        {"test_targets": torch.rand(6, 3)},
        {"test_inputs": examples.test_inputs[:0], "test_targets": examples.test_targets[:0]},
    ):
        found = predicted_right(DIGITS, states, replace(examples, **change))
        assert found.empty and list(found.columns) == ["seed", "example", "correct"]
