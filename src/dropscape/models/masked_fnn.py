"""The fully-connected network with dropout after any of its hidden layers (paper A, Fig. 1a)."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from dropscape.dropout.layers import MaskedDropout
from dropscape.models.fnn import FullyConnected


class MaskedFullyConnected(FullyConnected):
    """A ``FullyConnected`` of the same parameters with a dropout layer after each hidden layer.

    Without ``output_bias`` the last layer's bias is 0 and is not trained; it stays a parameter, so that both networks
    have the same ones.
    """

    def __init__(self, widths: Sequence[int], activation: str = "relu", output_bias: bool = True):
        super().__init__(widths, activation)
        self.dropouts = nn.ModuleList(MaskedDropout() for _ in range(self.depth - 1))
        if not output_bias:
            torch.nn.init.zeros_(self.layers[-1].bias)
            self.layers[-1].bias.requires_grad_(False)

    @classmethod
    def taken_from(cls, network: FullyConnected) -> "MaskedFullyConnected":
        """Copy a network's layers into one, with their dtype and device."""
        masked = cls(network.widths, network.activation)
        masked.layers = deepcopy(network.layers)
        return masked

    def with_last_hidden(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the outputs, and f^[L-1](x) before its dropout, (n, m_{L-1})."""
        last = self.depth - 1
        hidden = self.activate(self.layers[last - 1](self._through(x, 0, last - 1)))
        return self.layers[last](self.dropouts[-1](hidden)), hidden

    def _activated(self, z: Tensor, index: int) -> Tensor:
        return self.dropouts[index](self.activate(z))
