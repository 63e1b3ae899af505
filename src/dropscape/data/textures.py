"""Stand-in data for CIFAR-10 and CIFAR-100: generated images of textured shapes, in 10 or in 100 classes.

An image shows one shape, filled with one texture, before a background with another brightness at each corner. A
class is a shape with a texture: for 100 classes each of ten shapes with each of ten textures, for 10 classes each
of five shapes with two textures, so that neither shape nor texture alone tells the class. Position, size,
rotation, both colours, the scale and phase of the texture, its contrast and the noise of the pixels are drawn
anew for every image and say nothing about its class.
"""

from collections.abc import Callable

import numpy as np
import torch

from dropscape.data.dataset import Dataset
from dropscape.data.descriptions import stand_in_description
from dropscape.numerics.seeds import numpy_generator

SIDE = 32
COUNTS = {10: {"train": 4_096, "test": 1_024}, 100: {"train": 5_000, "test": 1_000}}
NOISE = 0.06  # standard deviation of a pixel's noise; colours go from 0 to 1
ROTATION = 0.35  # largest angle to either side, radians
TEXTURES_A_SHAPE = {10: 2, 100: 10}
CHUNK = 512  # images that are drawn at a time, to keep the coordinates small

Pattern = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _lobes(number: int, depth: float) -> Pattern:
    """Make a disc whose radius goes in and out ``number`` times around."""
    return lambda u, v: 1 - np.hypot(u, v) / (1 - depth + depth * np.cos(number * np.arctan2(v, u)))


# Positive inside, negative outside, growing about as fast as the distance from the edge; a shape reaches to about 1.
SHAPES: dict[str, Pattern] = {
    "disc": lambda u, v: 1 - np.hypot(u, v),
    "cross": lambda u, v: np.maximum(
        np.minimum(0.33 - np.abs(u), 1 - np.abs(v)), np.minimum(0.33 - np.abs(v), 1 - np.abs(u))
    ),
    "triangle": lambda u, v: np.minimum(0.6 - v, (0.9 + v - 1.6 * np.abs(u)) / 1.9),
    "ring": lambda u, v: 0.28 - np.abs(np.hypot(u, v) - 0.72),
    "bar": lambda u, v: np.minimum(1.1 - np.abs(u), 0.42 - np.abs(v)),
    "square": lambda u, v: 0.8 - np.maximum(np.abs(u), np.abs(v)),
    "frame": lambda u, v: 0.25 - np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.7),
    "crescent": lambda u, v: np.minimum(1 - np.hypot(u, v), np.hypot(u - 0.45, v) - 0.65),
    "trefoil": _lobes(3, 0.35),
    "star": _lobes(5, 0.3),
}

# From -1 to 1; u and v grow by about 2 pi over a period.
TEXTURES: dict[str, Pattern] = {
    "rows": lambda u, v: np.sin(v),
    "columns": lambda u, v: np.sin(u),
    "checks": lambda u, v: np.sign(np.sin(u)) * np.sign(np.sin(v)),
    "plain": lambda u, v: np.zeros_like(u),
    "rising": lambda u, v: np.sin((u + v) / 1.4),
    "falling": lambda u, v: np.sin((u - v) / 1.4),
    "dots": lambda u, v: np.where(np.cos(u) + np.cos(v) > 0.9, 1.0, -0.4),
    "mesh": lambda u, v: np.where(np.maximum(np.cos(u), np.cos(v)) > 0.8, 1.0, -0.4),
    "waves": lambda u, v: np.sin(v + 1.8 * np.sin(u)),
    "bricks": lambda u, v: np.where(
        np.maximum(np.cos(2 * v), np.cos(u + np.pi * (np.floor(v / np.pi) % 2))) > 0.85, 1.0, -0.4
    ),
}


def embedded(classes: int) -> Dataset:
    """Generate the stand-in for CIFAR-10 (``classes`` = 10) or CIFAR-100 (100): images uint8 (n, 3, 32, 32).

    They are the same whatever the seed of a run; every class has the same number of images up to one, in a random
    order.
    """
    dataset, title = f"cifar{classes}", f"CIFAR-{classes}"
    counts = COUNTS[classes]
    total = sum(counts.values())
    draws = numpy_generator(0, "data", f"{dataset}-embedded")
    # Balanced and shuffled within each split.
    labels = np.concatenate([draws.permutation(np.arange(count) % classes) for count in counts.values()])
    images = np.concatenate([_images(labels[at : at + CHUNK], classes, draws) for at in range(0, total, CHUNK)])
    train = counts["train"]
    what = f"images of textured shapes in {classes} classes"
    return Dataset(
        name=dataset,
        train_images=torch.from_numpy(images[:train]),
        train_labels=torch.from_numpy(labels[:train]),
        test_images=torch.from_numpy(images[train:]),
        test_labels=torch.from_numpy(labels[train:]),
        description=stand_in_description(dataset, title, counts, what, f"all of it: no image is from {title}")
        | {"classes": classes},
    )


def _images(labels: np.ndarray, classes: int, draws: np.random.Generator) -> np.ndarray:
    """Draw one image, uint8 (3, 32, 32), for each label."""

    def drawn(low: float, high: float, *shape: int) -> np.ndarray:
        return draws.uniform(low, high, (len(labels), *(shape or (1, 1))))

    shapes, textures = np.divmod(labels, TEXTURES_A_SHAPE[classes])
    x, y = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE))
    size, angle = drawn(0.5, 0.8), drawn(-ROTATION, ROTATION)
    dx, dy = x - drawn(-0.3, 0.3), y - drawn(-0.3, 0.3)
    u, v = (np.cos(angle) * dx + np.sin(angle) * dy), (np.cos(angle) * dy - np.sin(angle) * dx)
    inside = _chosen(SHAPES, shapes, u / size, v / size)
    # An edge about a pixel wide.
    cover = np.clip(0.5 + inside * size * SIDE / 2, 0, 1)[:, None]
    frequency = drawn(11, 18)
    pattern = _chosen(TEXTURES, textures, frequency * u + drawn(0, 2 * np.pi), frequency * v + drawn(0, 2 * np.pi))
    pattern = (drawn(0.15, 0.35) * pattern)[:, None] * drawn(0.3, 1, 3, 1, 1)
    fill = drawn(0.2, 0.8, 3, 1, 1) + pattern
    background = drawn(0.1, 0.9, 3, 1, 1) + (drawn(-0.2, 0.2) * x + drawn(-0.2, 0.2) * y)[:, None]
    image = cover * fill + (1 - cover) * background + NOISE * draws.standard_normal((len(labels), 3, SIDE, SIDE))
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def _chosen(patterns: dict[str, Pattern], which: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Evaluate each image's pattern at its coordinates, (n, 32, 32)."""
    values = np.empty_like(u)
    for index, pattern in enumerate(patterns.values()):
        values[which == index] = pattern(u[which == index], v[which == index])
    return values
