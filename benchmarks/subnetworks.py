"""Sub-networks of paper D: tested all at once or one by one, and trained by our steps or by PyTorch's."""

import argparse

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu, softplus

from benchmarks.harness import Row, Work, compare, print_table
from benchmarks.harness import threads as use_threads
from dropscape.numerics.seeds import torch_generator
from dropscape.subnetworks.cnn import Shape, initial_parameters, step
from dropscape.subnetworks.distributions import Caps
from dropscape.subnetworks.evaluation import TILES, accuracies
from dropscape.subnetworks.streams import FreshStream
from dropscape.subnetworks.two_layer import Algorithm1Run, Algorithm1Training, initial_weights

EXAMPLES, MASKS, CLASSES, HIDDEN = 1_000, 100, 10, 120
BATCH, KEEP_PROB, RATE = 64, 0.2, 0.01
LOOP_SHARE = 20  # of the masks that a loop is timed on
DIMENSION, STEPS, STEP_SHARE = 20, 8_000, 40


def make_shape(width: int) -> Shape:
    return Shape(side=28, channels=(6, 16), hidden=HIDDEN, width=width, classes=CLASSES)


class Usual(nn.Module):
    """The network of section 6 with a mask that is given."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(shape.feature_inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, shape.width), nn.ReLU()),
        )
        self.output = nn.Linear(shape.width, CLASSES)

    def forward(self, images: Tensor, mask: Tensor) -> Tensor:
        return self.output(self.features(images) * mask / KEEP_PROB)


def images_and_masks(width: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch_generator(0, "benchmarks", "subnetworks")
    images = torch.rand(EXAMPLES, 1, 28, 28, generator=generator)
    labels = torch.randint(CLASSES, (EXAMPLES,), generator=generator)
    return images, labels, torch.rand(MASKS, width, generator=generator) < KEEP_PROB


def at_once(width: int, count: int) -> Work:
    """The accuracies of the first so many sub-networks."""
    parameters, (images, labels, masks) = initial_parameters(make_shape(width), 0), images_and_masks(width)
    scales = torch.full((count,), 1 / KEEP_PROB)
    return lambda: accuracies(parameters, images, labels, masks[:count], scales)


def one_by_one(width: int) -> Work:
    """The same for a share of them, each by another forward pass."""
    model, (images, labels, masks) = Usual(make_shape(width)).eval(), images_and_masks(width)

    @torch.no_grad()
    def work() -> list[float]:
        chunks = list(zip(*(values.split(TILES["cpu"].images) for values in (images, labels)), strict=True))
        return [
            sum(float((model(chunk, mask).argmax(1) == right).sum()) for chunk, right in chunks) / EXAMPLES
            for mask in masks[::LOOP_SHARE]
        ]

    return work


def three_and_the_product(width: int) -> Work:
    """Three evaluations of one network, and one product of activations with all masked weights."""
    one, hidden, weights = at_once(width, 1), torch.rand(EXAMPLES, width), torch.rand(width, MASKS * CLASSES)

    def work() -> Tensor:
        for _ in range(3):
            one()
        return hidden @ weights

    return work


def evaluation_rows() -> list[Row]:
    table = []
    for width, limit in ((100, None), (1_000, 20.0), (10_000, None)):
        table += compare(
            f"{MASKS} sub-networks of width {width} on {EXAMPLES} images",
            ("all at once", at_once(width, MASKS)),
            {"a masked forward pass each": one_by_one(width)},
            repeats=3,
            limits={"a masked forward pass each": limit} if limit else {},
            scales={"a masked forward pass each": float(LOOP_SHARE)},
        )
    name = "three full evaluations and the product"
    table += compare(
        f"{MASKS} sub-networks of width 10000 on {EXAMPLES} images",
        ("all at once", at_once(10_000, MASKS)),
        {name: three_and_the_product(10_000)},
        repeats=3,
        limits={name: 1.0},
        measure_memory=False,
    )
    return table


def our_step(width: int) -> Work:
    parameters, (images, labels, masks) = initial_parameters(make_shape(width), 0), images_and_masks(width)
    return lambda: step(parameters, images[:BATCH], labels[:BATCH], masks[0], KEEP_PROB, RATE)


def usual_step(width: int) -> Work:
    model, (images, labels, masks) = Usual(make_shape(width)), images_and_masks(width)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)

    def work() -> None:
        optimizer.zero_grad()
        cross_entropy(model(images[:BATCH], masks[0]), labels[:BATCH]).backward()
        optimizer.step()

    return work


def algorithm(width: int) -> tuple[Work, Work]:
    """``STEPS`` of Algorithm 1, with the drawing of examples: compiled, and a share of them by autograd."""
    stream = FreshStream(Caps(DIMENSION, 0.2), 1)
    config = Algorithm1Training(width, (0.5,), (30.0,), (0,), 0.5, STEPS, (STEPS,))
    weights, signs = (torch.from_numpy(values) for values in initial_weights(width, DIMENSION, 0))
    generator = torch_generator(0, "benchmarks", "masks")
    inputs, labels, _ = stream.chunk(0, 0)

    def loop() -> None:
        w = weights.clone().requires_grad_()
        for x, y in zip(torch.from_numpy(inputs[: STEPS // STEP_SHARE]), labels.tolist(), strict=False):
            mask = torch.rand(width, generator=generator) < 0.5
            loss = softplus(-y * (signs * mask) @ relu(w @ x) / np.sqrt(width))
            (gradient,) = torch.autograd.grad(loss, w)
            with torch.no_grad():
                w -= 0.5 * gradient
                w *= (30.0 / w.norm(dim=1, keepdim=True)).clamp(max=1)

    return lambda: Algorithm1Run(config, stream).finish(), loop


def training_rows() -> list[Row]:
    table = []
    for width in (100, 1_000, 10_000):
        ours, loop = algorithm(width)
        table += compare(
            f"{STEPS} steps of Algorithm 1, m={width}, d={DIMENSION}",
            ("compiled steps", ours),
            {"a PyTorch loop": loop},
            repeats=3,
            scales={"a PyTorch loop": float(STEP_SHARE)},
            measure_memory=False,
        )
    for width, repeats in ((1_000, 9), (10_000, 9), (250_000, 3)):
        table += compare(
            f"a step of the convolutional network, m={width}, batch {BATCH}, dropped share {1 - KEEP_PROB:g}",
            ("kept rows only", our_step(width)),
            {"a PyTorch module and optimizer": usual_step(width)},
            repeats=repeats,
        )
    return table


def rows(n: int = 10_000, threads: int = 1) -> list[Row]:
    """Every row; the sizes are the promised ones, so ``n`` is not used."""
    with use_threads(threads):
        return evaluation_rows() + training_rows()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    print_table(rows(**vars(parser.parse_args())))
