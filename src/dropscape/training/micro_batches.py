"""The examples of a step and the micro-batches in which they are differentiated."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dropscape.numerics.seeds import numpy_generator


@dataclass(frozen=True)
class Batches:
    """Examples on the device, which yield ``(first example, inputs, targets)`` of each micro-batch."""

    inputs: Tensor  # (n, ...)
    targets: Tensor  # (n,), (n, C) or (n, T)
    size: int  # examples of a micro-batch

    def __iter__(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        for start in range(0, len(self.inputs), self.size):
            chunk = slice(start, start + self.size)
            yield start, self.inputs[chunk], self.targets[chunk]

    def __len__(self) -> int:
        return len(self.inputs)


class EpochBatches:
    """The examples of each step, which follow from the seed and the step's number alone.

    Each epoch takes ``batch_size`` examples a step from a new permutation; fewer that are left at its end are not used.
    Without a ``batch_size`` every step takes all examples.
    """

    def __init__(self, batches: Batches, batch_size: int | None, seed: int):
        self._all, self._size, self._seed, self._epoch = batches, batch_size, seed, -1
        # The same memory for every step.
        self.batch = batches
        if batch_size is not None:
            inputs, targets = (values[:batch_size].clone() for values in (batches.inputs, batches.targets))
            self.batch = Batches(inputs, targets, batches.size)

    def draw(self, step: int) -> Batches:
        """Make ``batch`` that of a step, counted from 0; return it."""
        if self._size is None:
            return self.batch
        count = len(self._all)
        epoch, position = divmod(step, count // self._size)
        if epoch != self._epoch:
            permutation = numpy_generator(self._seed, "training", f"batches/{epoch}").permutation(count)
            self._order, self._epoch = torch.from_numpy(permutation).to(self._all.inputs.device), epoch
        chosen = self._order[position * self._size :][: self._size]
        torch.index_select(self._all.inputs, 0, chosen, out=self.batch.inputs)
        torch.index_select(self._all.targets, 0, chosen, out=self.batch.targets)
        return self.batch
