"""The examples of a step and the micro-batches in which they are differentiated."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dropscape.numerics.seeds import numpy_generator


@dataclass(frozen=True)
class Batches:
    """Examples on the device, which yield ``(first example, inputs, targets)`` of each micro-batch.

    Images are then in channels-last order, in which convolutions are fastest.
    """

    inputs: Tensor  # (n, ...)
    targets: Tensor  # (n,), (n, C) or (n, T)
    size: int  # examples of a micro-batch

    def __iter__(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        layout = torch.channels_last if self.inputs.ndim == 4 else torch.contiguous_format
        for start in range(0, len(self.inputs), self.size):
            chunk = slice(start, start + self.size)
            yield start, self.inputs[chunk].contiguous(memory_format=layout), self.targets[chunk]

    def __len__(self) -> int:
        return len(self.inputs)


def draw_batch(batches: Batches, batch_size: int | None, seed: int, step: int) -> Batches:
    """Draw the examples of a step (counted from 0), which follow from the seed and the step's number alone.

    Each epoch takes ``batch_size`` examples a step from a new permutation; fewer that are left at its end are not used.
    Without a ``batch_size`` every step takes all examples.
    """
    if batch_size is None:
        return batches
    epoch, position = divmod(step, len(batches) // batch_size)
    permutation = numpy_generator(seed, "training", f"batches/{epoch}").permutation(len(batches))
    chosen = torch.from_numpy(permutation[position * batch_size :][:batch_size]).to(batches.inputs.device)
    return Batches(batches.inputs[chosen], batches.targets[chosen], batches.size)
