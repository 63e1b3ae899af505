"""The examples of each step: all of them, or batches without replacement by a permutation of each epoch."""

import pytest
import torch

from dropscape.training.micro_batches import Batches, EpochBatches

ALL = Batches(torch.arange(11)[:, None], torch.arange(11) + 100, 3)


def test_micro_batches_are_consecutive_and_the_last_has_the_rest():
    chunks = [(start, inputs.flatten().tolist(), targets.tolist()) for start, inputs, targets in ALL]
    assert chunks[1] == (3, [3, 4, 5], [103, 104, 105]) and chunks[-1] == (9, [9, 10], [109, 110])
    assert len(ALL) == 11 and len(chunks) == 4


def draw_batch(batches, batch_size, seed, step):
    batch = EpochBatches(batches, batch_size, seed).draw(step)
    return batch if batch is batches else Batches(batch.inputs.clone(), batch.targets.clone(), batch.size)


def test_every_batch_lies_in_the_same_memory_and_order():
    images = torch.rand(7, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    batches = EpochBatches(Batches(images, torch.arange(7), 2), 3, 0)
    for step in range(6):
        batch = batches.draw(step)
        assert batch is batches.batch and batch.inputs.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(batch.inputs, images[batch.targets])


def test_without_a_batch_size_every_step_has_all_examples():
    assert draw_batch(ALL, None, 0, 7) is ALL


@pytest.mark.parametrize("batch_size", [1, 4, 11])
def test_an_epoch_takes_no_example_twice_and_the_next_has_another_order(batch_size):
    steps = 11 // batch_size
    epochs = []
    for epoch in range(3):
        batches = [draw_batch(ALL, batch_size, 5, epoch * steps + step) for step in range(steps)]
        assert all(len(batch) == batch_size and batch.size == 3 for batch in batches)
        assert all(torch.equal(batch.targets, batch.inputs[:, 0] + 100) for batch in batches)
        epochs.append([int(example) for batch in batches for example in batch.inputs])
        assert len(set(epochs[-1])) == steps * batch_size
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_batch_follows_from_seed_and_step_alone_and_examples_come_equally_often():
    again = [draw_batch(ALL, 4, seed, 3).targets.tolist() for seed in (5, 5, 6)]
    assert again[0] == again[1] != again[2]
    drawn = torch.cat([draw_batch(ALL, 4, 5, step).inputs.flatten() for step in range(2000)])
    counts = torch.bincount(drawn, minlength=11)
    # 1,000 epochs of 8 of 11 examples: mean 727, standard deviation 14.
    assert ((counts - 8000 / 11).abs() < 5 * 14.1).all()
