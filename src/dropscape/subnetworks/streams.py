"""The examples of Algorithm 1, one per step: drawn fresh from a distribution, or taken in passes over images.

A stream has inputs of a ``dimension`` in chunks of ``size`` steps; chunk k has those of the steps from k ``size`` on,
whatever came before. ``test`` are inputs (n, d) and labels (n,), -1 or 1, that no step takes. ``competitor`` are the
psi(w) of Assumption 1 for rows w (m, d), zero where none is known.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dropscape.data.examples import Examples
from dropscape.errors import ConfigurationError, DataError
from dropscape.numerics.seeds import numpy_generator
from dropscape.subnetworks.distributions import Distribution

Labelled = tuple[NDArray[np.float32], NDArray[np.float32]]
StreamChunk = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]


class FreshStream:
    """A new example at every step, S_T ~ D^T as the theorems have it; all networks of a seed see the same."""

    size = 4096

    def __init__(self, distribution: Distribution, test_examples: int):
        self.distribution = distribution
        self.dimension = distribution.dimension
        self.competitor = distribution.competitor
        self.test = distribution.draw(numpy_generator(0, "subnetworks", "test examples"), test_examples)

    def chunk(self, seed: int, number: int) -> StreamChunk:
        """Draw inputs (size, d), labels (size,) and which of them each step takes, (size,)."""
        generator = numpy_generator(seed, "subnetworks", f"examples {number}")
        return *self.distribution.draw(generator, self.size), np.arange(self.size)


class EpochStream:
    """Passes over the same examples, each in a new order; within the first one all examples are fresh."""

    def __init__(self, train: Labelled, test: Labelled):
        self.inputs, self.labels = train
        self.test, self.competitor = test, np.zeros_like
        self.size, self.dimension = self.inputs.shape

    def chunk(self, seed: int, number: int) -> StreamChunk:
        """Return all inputs (n, d), their labels (n,) and which of them each step takes, (size,)."""
        order = numpy_generator(seed, "subnetworks", f"pass {number}").permutation(self.size)
        return self.inputs, self.labels, order


Stream = FreshStream | EpochStream


def two_classes(examples: Examples, digits: Sequence[int]) -> EpochStream:
    """Select the images of two classes, the first labelled 1 and the other -1, each divided by its Euclidean norm.

    Not two classes are a ConfigurationError, a class without a training or test image is a DataError.
    """
    if len(digits) != 2 or digits[0] == digits[1]:
        raise ConfigurationError(f"data.digits is {list(digits)}; write two different classes.")
    train = _labelled(examples.train_inputs.numpy(), examples.train_targets.numpy(), digits)
    test = _labelled(examples.test_inputs.numpy(), examples.test_targets.numpy(), digits)
    for kind, (_, labels) in (("training", train), ("test", test)):
        for digit, label in zip(digits, (1, -1), strict=True):
            if not (labels == label).any():
                raise DataError(
                    f"data.digits asks for class {digit}, of which the {kind} examples have none: write another class "
                    "or more examples."
                )
    return EpochStream(train, test)


def _labelled(inputs: NDArray, targets: NDArray, digits: Sequence[int]) -> Labelled:
    chosen = np.isin(targets, digits)
    inputs = inputs[chosen].astype(np.float64)
    inputs /= np.maximum(np.linalg.norm(inputs, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return inputs.astype(np.float32), np.where(targets[chosen] == digits[0], 1, -1).astype(np.float32)
