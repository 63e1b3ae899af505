"""The examples of every step: fresh ones, or passes over two classes of images."""

import numpy as np
import pytest
import torch

from dropscape.data.examples import Examples
from dropscape.errors import ConfigurationError, DataError
from dropscape.subnetworks.distributions import Caps
from dropscape.subnetworks.streams import EpochStream, FreshStream, two_classes


def images(classes=4, n=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    train = [torch.rand(n, 9, generator=generator), torch.arange(n) % classes]
    return Examples(*train, *(values.flip(0)[: n // 2] for values in train), {})


def test_fresh_examples_never_come_again():
    fresh = FreshStream(Caps(3, 0.5), 50)
    drawn = [fresh.chunk(seed, number)[0] for seed in (0, 1) for number in (0, 1)]
    points = np.concatenate([*drawn, fresh.test[0]])
    assert len(np.unique(points, axis=0)) == 4 * fresh.size + 50
    np.testing.assert_array_equal(fresh.chunk(1, 1)[0], drawn[3])
    np.testing.assert_array_equal(fresh.chunk(1, 1)[2], np.arange(fresh.size))


def test_every_pass_takes_all_examples_in_another_order():
    train = np.arange(20, dtype=np.float32).reshape(10, 2), np.ones(10, np.float32)
    passes = EpochStream(train, train)
    orders = [tuple(passes.chunk(seed, number)[2]) for seed in (0, 1) for number in (0, 1)]
    assert len(set(orders)) == 4
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert passes.chunk(0, 0)[0] is passes.inputs


def test_two_classes_are_labelled_and_on_the_sphere():
    examples = images()
    stream = two_classes(examples, [3, 1])
    assert (stream.size, stream.dimension) == (30, 9)
    chosen = [index for index, target in enumerate(examples.train_targets) if target in (3, 1)]
    for row, label, index in zip(stream.inputs, stream.labels, chosen, strict=True):
        image = examples.train_inputs[index].double()
        np.testing.assert_allclose(row, image / image.norm(), rtol=1e-6)
        assert label == (1 if examples.train_targets[index] == 3 else -1)
    assert len(stream.test[1]) == sum(int(target) in (3, 1) for target in examples.test_targets)


def test_a_black_image_stays_black():
    examples = images()
    examples.train_inputs[1] = 0
    assert not two_classes(examples, [1, 3]).inputs[0].any()


@pytest.mark.parametrize(
    "digits, error, said",
    [
        ([1], ConfigurationError, "two different"),
        ([1, 1], ConfigurationError, "two different"),
        ([1, 8], DataError, "8"),
    ],
)
def test_what_are_no_two_classes_is_refused(digits, error, said):
    with pytest.raises(error, match=said):
        two_classes(images(), digits)
