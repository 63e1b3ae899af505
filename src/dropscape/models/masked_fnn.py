"""The fully-connected network with dropout after any of its hidden layers (paper A, Fig. 1a)."""

from collections.abc import Sequence

from torch import Tensor, nn

from dropscape.dropout.layers import MaskedDropout
from dropscape.models.fnn import FullyConnected


class MaskedFullyConnected(FullyConnected):
    """A ``FullyConnected`` of the same parameters with a place for dropout after each hidden layer."""

    def __init__(self, widths: Sequence[int], activation: str = "relu"):
        super().__init__(widths, activation)
        self.dropouts = nn.ModuleList(MaskedDropout() for _ in range(self.depth - 1))

    @property
    def piecewise_linear(self) -> bool:
        """Whether the output is piecewise linear in any one layer's weights."""
        return self.activation in ("relu", "identity")

    def _activated(self, z: Tensor, index: int) -> Tensor:
        return self.dropouts[index](self.activate(z))
