"""Fully-connected networks, f_theta of paper A section 3.1 and paper C section 3.2.

Layers are counted as the papers count them: layer ``l`` has the weight ``W^[l]`` and maps the activation
``f^[l-1]`` to the pre-activation ``z^[l]``; layer 1 reads the input and layer ``L`` writes the output.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from dropscape.errors import ConfigurationError
from dropscape.models.block import block_parameters
from dropscape.numerics.products import FastProducts, worthwhile

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "tanh": torch.tanh, "identity": lambda z: z}
IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu_, "tanh": torch.tanh_, "identity": lambda z: z}


def check_activation(activation: str) -> None:
    """Raise a ConfigurationError if the activation is not a key of ``ACTIVATIONS``."""
    if activation not in ACTIVATIONS:
        raise ConfigurationError(f"model.activation is '{activation}'; write one of {', '.join(sorted(ACTIVATIONS))}.")


class FullyConnected(nn.Module):
    """A dense network of the given widths; the activation follows every layer but the last.

    The network itself has no dropout: masks are given to the functions that need them, so a measurement on the
    network alone is deterministic.

    Args:
        widths: ``(d, m_1, ..., m_{L-1}, d')``; fewer than three are a ConfigurationError.
        activation: a key of ``ACTIVATIONS``; anything else is a ConfigurationError.
    """

    def __init__(self, widths: Sequence[int], activation: str = "relu"):
        super().__init__()
        if len(widths) < 3:
            raise ConfigurationError(
                f"model.widths is {list(widths)}; a fully-connected network needs an input, at least one hidden "
                "layer and an output: write for example [784, 50, 50, 10]."
            )
        check_activation(activation)
        self.widths = tuple(int(width) for width in widths)
        self.activation = activation
        self.layers = nn.ModuleList(
            nn.Linear(fan_in, fan_out) for fan_in, fan_out in zip(self.widths[:-1], self.widths[1:], strict=True)
        )

    @property
    def depth(self) -> int:
        """L, the number of layers with weights."""
        return len(self.layers)

    def activate(self, z: Tensor) -> Tensor:
        """Apply sigma elementwise."""
        return ACTIVATIONS[self.activation](z)

    def hidden(self, x: Tensor, layer: int) -> Tensor:
        """Compute f^[layer](x), shape (n, m_layer); ``layer`` 0 is the input itself, at most L - 1."""
        return self._through(x, 0, layer)

    def after(self, hidden: Tensor, layer: int) -> Tensor:
        """Compute the outputs from what layer ``layer`` + 1 reads, (n, m_layer)."""
        return self._through(hidden, layer, self.depth)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs, shape (n, d')."""
        return self._through(x, 0, self.depth)

    def split(self, block: Sequence[str]) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """Cut into ``(prefix, suffix)``: the layers before the first one that the block names, and the others."""
        block_parameters(self, block)
        first = min(int(name.split(".")[1]) for name in block)
        return lambda x: self._through(x, 0, first), lambda x: self._through(x, first, self.depth)

    def _through(self, x: Tensor, first: int, last: int) -> Tensor:
        for index in range(first, last):
            x = self.layers[index](x)
            if index < self.depth - 1:
                x = self._activated(x, index)
        return x

    def _activated(self, z: Tensor, index: int) -> Tensor:
        """Compute what the layer after hidden layer ``index`` (from 0) reads."""
        return self.activate(z)


def fast_products(model: nn.Module, examples: int) -> AbstractContextManager:
    """Choose the fastest matrix products for passes of so many examples of a fully-connected network inside.

    Other networks convolve, or their products are too small to gain from it.
    """
    if isinstance(model, FullyConnected):
        largest = max((layer.weight for layer in model.layers), key=Tensor.numel)
        if largest.device.type == "cpu" and largest.dtype == torch.float32 and worthwhile(examples * largest.numel()):
            return FastProducts()
    return nullcontext()


def is_plain(model: nn.Module) -> bool:
    """Tell whether a model computes what its widths, weights and activation say, so that formulas may take its place.

    A ``FullyConnected`` itself, without hooks or another forward, whose layers are dense ones with parameters of their
    own.
    """
    if type(model) is not FullyConnected or any(type(layer) is not nn.Linear for layer in model.layers):
        return False
    return len(list(model.parameters())) == 2 * model.depth and not is_changed(model)


def is_changed(model: nn.Module) -> bool:
    """Tell whether hooks or another forward stand between a model's layers and its outputs."""
    return any(
        module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module) for module in model.modules()
    )
