from dataclasses import replace

import pytest
import torch

from dropscape.training.stacked import StackedTraining
from dropscape.training.train import train

BASE = StackedTraining(
    widths=(9, 6, 5, 3),
    activation="relu",
    block=("layers.1.weight", "layers.1.bias"),
    keep_prob=0.7,
    dropout_after=1,
    mask_mode="per_example",
    learning_rate=0.2,
    steps=12,
    trajectory_steps=5,
    recorded=(0, 1, 6, 12),
    history=(0, 4, 8, 12),
    seeds=(0, 7),
)


def examples(n, d=9, classes=3, seed=0):
    """Inputs with pixels that are zero in some and in all examples, as the border of a digit is."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.rand(n, d, generator=generator) * (torch.rand(n, d, generator=generator) > 0.3)
    inputs[:, [0, d - 1]] = 0
    return inputs, torch.randint(classes, (n,), generator=generator)


@pytest.fixture(scope="session")
def make_examples():
    return examples


@pytest.fixture
def descent():
    """A small training with some fields changed."""
    return lambda **changes: replace(BASE, **changes)


@pytest.fixture(scope="session")
def trained_on():
    """A training on 23 small examples, tested on 11."""

    def run(config, **options):
        return train(config, *examples(23), *examples(11, seed=1), **options)

    return run
