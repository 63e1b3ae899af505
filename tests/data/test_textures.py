import json

import pytest
import torch
from torch import nn

from dropscape.data import textures

COUNTS = {10: (4_096, 1_024), 100: (5_000, 1_000)}


@pytest.fixture(scope="module", params=[10, 100])
def classes(request):
    return request.param


@pytest.fixture(scope="module")
def images(classes):
    return textures.embedded(classes)


def test_counts_types_and_balance(images, classes):
    train, test = COUNTS[classes]
    for split, count in (("train", train), ("test", test)):
        pixels, labels = images.tensors[f"{split}_images"], images.tensors[f"{split}_labels"]
        assert pixels.shape == (count, 3, 32, 32) and pixels.dtype == torch.uint8
        assert labels.dtype == torch.int64
        per_class = labels.bincount(minlength=classes)
        assert len(per_class) == classes and per_class.max() - per_class.min() <= 1
    # The first examples are always usable: mixed, not sorted. Of 20 a class, each is missing with a chance below 1e-8.
    assert (images.train_labels[: 20 * classes].bincount(minlength=classes) > 0).all()


def test_generated_once_and_for_all(images, classes):
    again = textures.embedded(classes)
    assert all(torch.equal(value, again.tensors[name]) for name, value in images.tensors.items())


def test_no_image_comes_twice(images):
    pixels = [image.tobytes() for split in ("train", "test") for image in images.tensors[f"{split}_images"].numpy()]
    assert len(set(pixels)) == len(pixels)


def test_says_everywhere_that_it_stands_in(images, classes):
    description = images.description
    title = f"CIFAR-{classes}"
    train, test = COUNTS[classes]
    assert description["label"] == (
        f"stand-in data for {title}: {train:,} + {test:,} generated images of textured shapes in {classes} classes"
    )
    assert description["origin"].startswith(f"stand-in data for {title}")
    assert description["dataset"] == f"cifar{classes}" and description["source"] == "embedded"
    assert description["counts"] == {"train": train, "test": test} and description["classes"] == classes
    assert f"no image is from {title}" in description["differs"]
    assert json.loads(json.dumps(description)) == description


def test_brightness_and_colour_tell_no_class(images, classes):
    """The mean colour of a class is that of all images, within four standard errors: a class is shape and texture."""
    means = images.train_images.double().mean(dim=(2, 3))
    overall, deviation = means.mean(dim=0), means.std(dim=0)
    for label in range(classes):
        of_class = means[images.train_labels == label]
        assert ((of_class.mean(dim=0) - overall).abs() < 4 * deviation / len(of_class) ** 0.5).all()


@pytest.fixture(scope="module")
def accuracies():
    """Training accuracy at some steps and test accuracy at the last of a small convolutional network with Adam."""
    images = textures.embedded(10)

    def inputs(pixels):
        return (pixels.float() / 255 - 0.5) / 0.25

    train, labels = inputs(images.train_images[:400]), images.train_labels[:400]
    test, test_labels = inputs(images.test_images[:300]), images.test_labels[:300]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = []
        for width, wider in ((3, 16), (16, 32), (32, 32)):
            layers += [nn.Conv2d(width, wider, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    generator = torch.Generator().manual_seed(1)
    steps = {}
    for step in range(1, 151):
        chosen = torch.randperm(400, generator=generator)[:50]
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(train[chosen]), labels[chosen]).backward()
        optimiser.step()
        if step in (20, 150):
            with torch.no_grad():
                steps[step] = float((network(train).argmax(dim=1) == labels).double().mean())
    with torch.no_grad():
        return steps, float((network(test).argmax(dim=1) == test_labels).double().mean())


def test_a_small_network_learns_neither_at_once_nor_never(accuracies):
    steps, tested = accuracies
    assert steps[20] < 0.5 and steps[150] > 0.9
    # Of 300 images: clearly above the chance of 10 %, clearly below what is left to gain.
    assert 0.3 < tested < 0.9
