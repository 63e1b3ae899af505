"""What networks predict, against each network's own outputs."""

from dataclasses import replace

import torch

from dropscape.training.predictions import predictions
from dropscape.training.run_networks import load_networks
from tests.training.test_run_networks import DIGITS, PAIRS, digits, pairs, stacked


def test_each_examples_largest_output_is_compared_with_its_class():
    examples, states = digits(), stacked(DIGITS, digits())
    found = predictions(DIGITS, states, examples)
    for seed, network in load_networks(DIGITS, states, examples):
        rows = found[found["seed"] == seed]
        expected = network(examples.test_inputs).argmax(dim=1) == examples.test_targets
        assert rows["example"].tolist() == list(range(6)) and rows["correct"].tolist() == expected.int().tolist()
    one_hot = replace(examples, test_targets=torch.nn.functional.one_hot(examples.test_targets, 3).float())
    assert predictions(DIGITS, states, one_hot).equals(found)


def test_of_one_number_input_target_and_output_of_both_splits_are_told():
    settings = {"model": {"name": "fnn", "widths": [1, 4, 1], "activation": "tanh"}, "seeds": [0, 3]}
    numbers = {name: torch.rand(count, 1) for name, count in (("train", 5), ("test", 7))}
    examples = replace(
        digits(),
        **{f"{split}_inputs": x for split, x in numbers.items()},
        **{f"{split}_targets": x**2 for split, x in numbers.items()},
    )
    states = stacked(settings, examples)
    found = predictions(settings, states, examples)
    assert list(found.columns) == ["seed", "split", "example", "x", "target", "output"]
    for seed, network in load_networks(settings, states, examples):
        for split, x in numbers.items():
            rows = found[(found["seed"] == seed) & (found["split"] == split)]
            assert rows["example"].tolist() == list(range(len(x)))
            expected = torch.cat([x, x**2, network(x)], dim=1)
            assert torch.equal(torch.tensor(rows[["x", "target", "output"]].to_numpy()).float(), expected)


def test_an_input_of_several_coordinates_is_no_number():
    settings = {"model": {"name": "fnn", "widths": [2, 4, 1], "activation": "tanh"}, "seeds": [0]}
    inputs, targets = torch.rand(3, 2), torch.rand(3, 1)
    examples = replace(digits(), train_inputs=inputs, train_targets=targets, test_inputs=inputs, test_targets=targets)
    found = predictions(settings, stacked(settings, examples), examples)
    assert len(found) == 6 and found["x"].isna().all() and found["output"].notna().all()


def test_sentences_several_numbers_and_no_test_examples_have_no_rows():
    assert predictions(PAIRS, stacked(PAIRS, pairs()), pairs()).empty
    examples, states = digits(), stacked(DIGITS, digits())
    for change in (
        {"test_targets": torch.rand(6, 3)},
        {"test_inputs": examples.test_inputs[:0], "test_targets": examples.test_targets[:0]},
    ):
        found = predictions(DIGITS, states, replace(examples, **change))
        assert found.empty and list(found.columns) == ["seed", "example", "correct"]
