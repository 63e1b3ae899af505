"""The examples of a step and the parts in which they are differentiated."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dropscape.numerics.seeds import numpy_generator


@dataclass(frozen=True)
class Batches:
    """Examples on the device, cut into micro-batches.

    Attributes:
        inputs: (n, ...); images are given on in channels-last order, in which convolutions are fastest.
        targets: (n,), (n, C) or (n, T).
        size: examples of a micro-batch.
    """

    inputs: Tensor
    targets: Tensor
    size: int

    def __iter__(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """``(first example, inputs, targets)`` of each micro-batch."""
        layout = torch.channels_last if self.inputs.ndim == 4 else torch.contiguous_format
        for start in range(0, len(self.inputs), self.size):
            part = slice(start, start + self.size)
            yield start, self.inputs[part].contiguous(memory_format=layout), self.targets[part]

    def __len__(self) -> int:
        """n, the number of examples."""
        return len(self.inputs)


def of_step(batches: Batches, batch_size: int | None, seed: int, step: int) -> Batches:
    """The examples of a step of stochastic gradient descent; of every step all of them, without a ``batch_size``.

    Each epoch has a permutation of its own and takes ``batch_size`` examples a step from it; fewer that are left at
    its end are not used in that epoch. A step's examples follow from the seed and its number alone.

    Args:
        batches: all examples, at least ``batch_size``.
        step: from 0.
    """
    if batch_size is None:
        return batches
    epoch, position = divmod(step, len(batches) // batch_size)
    permutation = numpy_generator(seed, "training", f"batches/{epoch}").permutation(len(batches))
    chosen = torch.from_numpy(permutation[position * batch_size :][:batch_size]).to(batches.inputs.device)
    return Batches(batches.inputs[chosen], batches.targets[chosen], batches.size)
