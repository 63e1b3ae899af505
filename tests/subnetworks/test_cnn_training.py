"""What a training records of the full network, the visited sub-networks and the random ones."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from dropscape.artifacts.tensors import read_tensors
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.subnetworks.cnn import initial_parameters, step
from dropscape.subnetworks.cnn_training import (
    COLUMNS,
    CnnRun,
    CnnTraining,
    count_steps,
    epoch_order,
    random_masks,
    step_mask,
)
from dropscape.training.checkpoint import Checkpoint
from tests.subnetworks.networks import SMALL, drawn, reference
from tests.training.interruptions import Killed, killed_at

BASE = CnnTraining(
    shape=SMALL,
    keep_prob=0.4,
    seed=5,
    learning_rate=0.2,
    batch_size=16,
    steps=7,
    recorded=(0, 3, 7),
    random_masks=2,
)


def examples():
    _, images, labels = drawn(n=40, dtype=torch.float32)
    _, test_images, test_labels = drawn(n=31, seed=1, dtype=torch.float32)
    return images, labels, test_images, test_labels


def train(config, images, labels, test_images, test_labels, **options):
    return CnnRun(config, (images, labels), (test_images, test_labels)).finish(**options)


def test_the_table_is_of_the_iterates_and_their_masks():
    """Trained again step by step from the configured batches and masks, and tested by masked passes."""
    images, labels, test_images, test_labels = examples()
    table = train(BASE, *examples())
    assert list(table) == COLUMNS and len(table) == 3 * 4
    assert (table["width"].unique(), table["dropped_share"].unique(), table["run"].unique()) == (20, 0.6, 5)
    accuracy = table.set_index(["step", "network", "mask"])["accuracy"]
    parameters, taken = initial_parameters(SMALL, 5), []
    for number in range(BASE.steps + 1):
        if number in BASE.recorded:
            module = reference(SMALL, parameters)
            networks = {("full", -1): torch.ones(20) * 0.4, ("visited", -1): step_mask(BASE, number)}
            networks |= {("random", index): mask for index, mask in enumerate(random_masks(BASE))}
            for key, mask in networks.items():
                right = module(test_images, mask, 1 / 0.4).argmax(1) == test_labels
                assert accuracy[number, *key] == pytest.approx(float(right.double().mean()))
        order = epoch_order(BASE, number // 3, 40)
        batch = order[number % 3 * 16 :][:16]
        taken += batch.tolist()
        step(parameters, images[batch], labels[batch], step_mask(BASE, number), 0.4, 0.2)
    assert sorted(taken[:40]) == sorted(taken[40:80]) == list(range(40))
    assert taken[:40] != taken[40:80]
    assert table["accuracy"].nunique() >= 4


def test_it_learns():
    """The images of each class have another bright row."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 5
    images = 0.3 * torch.rand(200, 1, 14, 14, generator=generator)
    images[torch.arange(200), 0, 2 * labels + 2] = 1
    config = replace(BASE, shape=replace(SMALL, width=200), learning_rate=0.1, steps=400, recorded=(0, 400), seed=1)
    table = train(config, images, labels, images, labels).set_index(["step", "network"])["accuracy"]
    assert table[0].max() < 0.6 and table[400].min() > 0.95


def test_masks_are_bernoulli_fixed_and_all_different():
    config = replace(BASE, shape=replace(SMALL, width=3000), random_masks=20)
    masks = torch.cat([random_masks(config), *(step_mask(config, number)[None] for number in range(20))]).double()
    assert float(masks.mean()) == pytest.approx(0.4, abs=4 * (0.24 / masks.numel()) ** 0.5)
    pairs = torch.corrcoef(masks) - torch.eye(40)
    assert pairs.abs().max() < 5.5 / 3000**0.5
    assert torch.equal(random_masks(config), random_masks(config))
    assert not torch.equal(random_masks(replace(config, seed=6)), random_masks(config))
    more = step_mask(replace(config, keep_prob=0.45), 3)
    assert more.sum() > step_mask(config, 3).sum()


def test_an_epoch_takes_the_last_few_examples_too():
    assert count_steps(3, 40, 16) == 9
    assert count_steps(25, 60_000, 64) == 23_450


def test_an_interrupted_training_ends_bit_identical(tmp_path):
    whole = train(replace(BASE, steps=9, recorded=(0, 2, 5, 9)), *examples())
    config, path = replace(BASE, steps=9, recorded=(0, 2, 5, 9)), tmp_path / "state.safetensors"
    for limit in (2, 4, 8):
        with pytest.raises(Killed):
            train(config, *examples(), checkpoint=Checkpoint(path, 0), progress=killed_at(limit))
        tensors, state = read_tensors(path)
        assert state["step"] == limit - 1 and "incoming" in tensors
    pd.testing.assert_frame_equal(train(config, *examples(), checkpoint=Checkpoint(path, 0)), whole)
    # A finished training needs its parameters no longer, and wide ones are large.
    assert read_tensors(path)[0] == {}
    pd.testing.assert_frame_equal(train(config, *examples(), checkpoint=Checkpoint(path, 0)), whole)


def test_a_diverged_training_is_refused():
    with pytest.raises(DivergenceError, match=r"seed 5 diverged.*learning_rate 1e\+30"):
        train(replace(BASE, learning_rate=1e30), *examples())


@pytest.mark.parametrize("changes, said", [({"keep_prob": 0.0}, "keep_prob is 0"), ({"batch_size": 0}, "batch_size")])
def test_what_cannot_work_is_refused(changes, said):
    with pytest.raises(ConfigurationError, match=said):
        replace(BASE, **changes)
