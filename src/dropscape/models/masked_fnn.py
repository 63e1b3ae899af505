"""The fully-connected network with dropout after any of its hidden layers (paper A, Fig. 1a)."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from dropscape.dropout.layers import MaskedDropout
from dropscape.models.block import block_parameters
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

    def hidden(self, x: Tensor, layer: int) -> Tensor:
        """f^[layer](x) with whatever masks are in force, shape (n, m_layer)."""
        return self._through(x, 0, layer)

    def split(self, block: Sequence[str]) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """``(prefix, suffix)``: the layers before the block's first, and the rest; see ``Chain.split``."""
        block_parameters(self, block)
        first = min(int(name.split(".")[1]) for name in block)
        return lambda x: self._through(x, 0, first), lambda x: self._through(x, first, self.depth)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs, shape (n, d')."""
        return self._through(x, 0, self.depth)

    def _through(self, x: Tensor, first: int, last: int) -> Tensor:
        for index in range(first, last):
            x = self.layers[index](x)
            if index < self.depth - 1:
                x = self.dropouts[index](self.activate(x))
        return x
