"""What a claim says of two trainings on the same test images, and of the end of training."""

import math

import numpy as np
import pandas as pd
import pytest

from tests.claims.experiments import NAME, Experiment, bounds, history, interval, measure


def predictions(correct):
    """Which of the test examples each seed predicts right."""
    return pd.DataFrame(
        {"seed": seed, "example": example, "correct": right}
        for seed, rights in enumerate(correct)
        for example, right in enumerate(rights)
    )


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path)


def test_a_gain_of_accuracy_comes_with_mcnemars_test_of_each_seed(experiment):
    """Of the first seed ten images are told apart, nine for dropout: p = 2 (1 + 10) / 2^10."""
    gained, lost, same = [1] * 9 + [0], [0] * 9 + [1], [1] * 10
    experiment.add("dropout", history=history(test_accuracy=(0.9, 1.0)), predictions=predictions([gained, same]))
    experiment.add(
        "plain", keep_prob=1, history=history(test_accuracy=(0.1, 1.0)), predictions=predictions([lost, same])
    )
    tables = experiment.tables
    found = measure("accuracy_gain", tables, tables.named_run(NAME, "dropout"))
    assert bounds(found) == interval([80, 0])
    assert found.note.endswith("by seed: 9 against 1 (p = 0.021), 0 against 0 (p = 1)")
    assert "McNemar" not in measure("accuracy_gain", tables, tables.named_run(NAME, "plain")).note


def test_the_end_loss_is_less_the_entropy_that_no_network_goes_below(experiment):
    widths = pd.DataFrame({"seed": [0, 0, 1, 1], "loss0": [0.9, 0.9, 1.2, 1.2], "floor": 0.8})
    experiment.add("dropout", slice_widths=widths).add("plain", keep_prob=1, slice_widths=widths.assign(floor=1.0))
    tables = experiment.tables
    found = measure("end_loss", tables, tables.named_run(NAME, "dropout"))
    assert bounds(found) == interval([0.1, 0.4], np.log, np.exp)
    assert math.isnan(measure("end_loss", tables, tables.named_run(NAME, "plain")).value)
