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
        few: the numbers of some of them, ascending, on the processor.
    """

    def __init__(self, vector: Tensor, n: int, few: Tensor):
        self.vector, self.few = vector, few
        self._n = n
        self._all, self._some = torch.zeros_like(vector), torch.zeros_like(vector)

    def add(self, first: int, size: int, terms: Terms) -> None:
        """Add ``size`` examples from number ``first`` on.

        ``terms`` sums H_i v over those that a slice or numbers choose among these, (P,).
        """
        total = terms(slice(None))
        self._all += total
        here = self.few[(self.few >= first) & (self.few < first + size)] - first
        if len(here):
            self._some += total if len(here) == size else terms(here.to(total.device))

    @property
    def of_all(self) -> Tensor:
        """H v of the mean loss over all examples, (P,)."""
        return self._all / self._n

    @property
    def of_few(self) -> Tensor:
        """H v of the mean loss over the few, (P,)."""
        return self._some / len(self.few)
