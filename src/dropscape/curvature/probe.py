"""One vector's product with a Hessian, summed up beside the matrix, from the same terms but without the matrix.

A matrix is checked with it in two steps: the matrix times the vector has to be the product over all examples, and the
product over a few of them has to be the change of their gradient.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Terms = Callable[[slice | Tensor], Tensor]


class Probe:
    """Sums the terms H_i v of H v = (1/n) sum_i H_i v, of all n examples and of a few.

    Args:
        vector: v, (P,).
        n: how many examples there are.
        few: the numbers of some of them, ascending, on the processor; ``chosen`` is a copy on the vector's device.
    """

    def __init__(self, vector: Tensor, n: int, few: Tensor):
        self.vector, self.chosen = vector, few.to(vector.device)
        self._n, self._few = n, few
        self._all, self._some = torch.zeros_like(vector), torch.zeros_like(vector)

    def add(self, first: int, size: int, terms: Terms) -> None:
        """Add ``size`` examples from number ``first`` on.

        ``terms`` sums H_i v over those that a slice or numbers choose among these, (P,).
        """
        total = terms(slice(None))
        self._all += total
        here = self._few[(self._few >= first) & (self._few < first + size)] - first
        if len(here) == size:
            self._some += total
        elif len(here):
            self._some += terms(self.chosen if first == 0 and len(here) == len(self._few) else here.to(total.device))

    @property
    def of_all(self) -> Tensor:
        """H v of the mean loss over all examples, (P,)."""
        return self._all / self._n

    @property
    def of_few(self) -> Tensor:
        """H v of the mean loss over the few, (P,)."""
        return self._some / len(self._few)
