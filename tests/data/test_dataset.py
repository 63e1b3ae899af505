from dataclasses import replace

import numpy as np
import pytest
import torch

from dropscape.data.dataset import Dataset, as_inputs
from dropscape.errors import ConfigurationError, DataError


@pytest.fixture
def dataset() -> Dataset:
    generator = torch.Generator().manual_seed(0)
    return Dataset(
        name="toy",
        train_images=torch.randint(0, 256, (20, 2, 3), generator=generator, dtype=torch.uint8),
        train_labels=torch.arange(20) % 4,
        test_images=torch.randint(0, 256, (8, 2, 3), generator=generator, dtype=torch.uint8),
        test_labels=torch.arange(8) % 4,
        description={
            "source": "directory",
            "origin": "the folder 'toys'",
            "classes": 4,
            "label": "toys, 20 + 8",
        },
    )


def test_the_first_examples_of_both_parts(dataset):
    first = dataset.first(7, 3)
    assert set(first) == set(dataset.tensors)
    assert torch.equal(first["train_images"], dataset.train_images[:7])
    assert torch.equal(first["train_labels"], dataset.train_labels[:7])
    assert torch.equal(first["test_images"], dataset.test_images[:3])
    assert torch.equal(first["test_labels"], dataset.test_labels[:3])


def test_all_examples_may_be_the_first(dataset):
    first = dataset.first(20, 8)
    assert all(torch.equal(value, first[name]) for name, value in dataset.tensors.items())


@pytest.mark.parametrize(("wanted", "split", "available"), [((21, 8), "train", 20), ((20, 9), "test", 8)])
def test_too_few_examples(dataset, wanted, split, available):
    with pytest.raises(DataError) as raised:
        dataset.first(*wanted)
    message = str(raised.value)
    assert f"asks for {max(wanted) if split == 'train' else wanted[1]} {split} examples" in message
    assert f"the data has {available} (`source: directory`; toys, 20 + 8)" in message
    assert f"`{split}_examples` in the study or scale file" in message
    assert f"write at most {available}" in message and "another `source`" in message


@pytest.mark.parametrize("wanted", [(0, 8), (-1, 8), (20, 0)])
def test_a_number_below_one_is_refused(dataset, wanted):
    with pytest.raises(ConfigurationError, match=r"_examples` in the study or scale file.*at least 1"):
        dataset.first(*wanted)


@pytest.mark.parametrize("wrong", [4, -1, 255])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_label_that_is_no_class(dataset, wrong, split):
    labels = dataset.tensors[f"{split}_labels"].clone()
    labels[5] = labels[6] = wrong
    with pytest.raises(
        DataError, match=rf"'toy' from the folder 'toys'.*2 {split} labels outside 0 to 3 .*{wrong}, example 5"
    ):
        replace(dataset, **{f"{split}_labels": labels})


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_and_labels_differ_in_number(dataset, split):
    images = dataset.tensors[f"{split}_images"]
    with pytest.raises(DataError, match=rf"{len(images) - 1} {split} images but {len(images)} {split} labels"):
        replace(dataset, **{f"{split}_images": images[:-1]})


def test_wrong_types_are_refused(dataset):
    with pytest.raises(DataError, match=r"must be uint8 images with one int64 label each"):
        replace(dataset, train_images=dataset.train_images.float())
    with pytest.raises(DataError, match=r"must be uint8 images with one int64 label each"):
        replace(dataset, train_labels=dataset.train_labels[:, None])


def test_as_inputs_divides_by_255_and_keeps_the_order_of_pixels():
    images = torch.arange(256, dtype=torch.uint8).reshape(4, 8, 8)
    inputs = as_inputs(images)
    assert inputs.dtype == torch.float32 and inputs.shape == (4, 64)
    expected = (np.arange(256) / 255).astype(np.float32).reshape(4, 64)
    np.testing.assert_array_equal(inputs.numpy(), expected)


def test_as_inputs_refuses_what_is_already_scaled():
    with pytest.raises(TypeError, match=r"uint8"):
        as_inputs(torch.zeros(2, 3, 3))
