"""Blocks: the parameters that a curvature or noise measurement is restricted to (paper A, App. A).

A block is a tuple of parameter names of a module, for example ``("layers.1.weight", "layers.1.bias")``. Its
vector holds the parameters one after the other in that order, each flattened row by row.
"""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from dropscape.errors import ConfigurationError


def check_block(block: Sequence[str], names: Collection[str]) -> None:
    """Raise a ConfigurationError if the block names what is not among the model's parameters, ``names``."""
    for name in block:
        if name not in names:
            raise ConfigurationError(
                f"block names the parameter '{name}', which the model does not have; write one of: {', '.join(names)}."
            )


def block_parameters(model: nn.Module, block: Sequence[str]) -> dict[str, Tensor]:
    """Return the block's parameters by name, detached; refuse unknown names as ``check_block`` does."""
    parameters = dict(model.named_parameters())
    check_block(block, parameters)
    return {name: parameters[name].detach() for name in block}


def block_vector(model: nn.Module, block: Sequence[str]) -> Tensor:
    """Return the block as one vector, shape (P,), in the model's dtype."""
    return torch.cat([value.reshape(-1) for value in block_parameters(model, block).values()])


def split_vector(model: nn.Module, block: Sequence[str], vector: Tensor) -> dict[str, Tensor]:
    """Invert ``block_vector``: views of ``vector`` (..., P) with the shapes of the block's parameters."""
    shapes = {name: value.shape for name, value in block_parameters(model, block).items()}
    pieces = vector.split([shape.numel() for shape in shapes.values()], dim=-1)
    return {
        name: piece.reshape(*vector.shape[:-1], *shape)
        for (name, shape), piece in zip(shapes.items(), pieces, strict=True)
    }


def dense_layer_of_block(block: Sequence[str]) -> tuple[int, bool] | None:
    """Recognise the weight of one layer of a FullyConnected, with or without its bias: ``(layer, with_bias)``.

    ``layer`` is counted from 1 as in the papers. None if the block is anything else.
    """
    name = _single_layer(block)
    index = name.removeprefix("layers.") if name else ""
    if name != f"layers.{index}" or not index.isdigit():
        return None
    return int(index) + 1, len(block) == 2


def layer_of_block(model: nn.Module, block: Sequence[str]) -> str | None:
    """Name the ``nn.Linear`` or plain ``nn.Conv2d`` whose weight, with or without its bias, is the block.

    Plain: not grouped and padded with zeros. None if the block is anything else, or the layer is the model itself.
    """
    name = _single_layer(block)
    if name is None:
        return None
    layer = model.get_submodule(name)
    plain = type(layer) is nn.Linear or (
        type(layer) is nn.Conv2d
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )
    return name if plain else None


def _single_layer(block: Sequence[str]) -> str | None:
    name = block[0].removesuffix(".weight") if block else ""
    return name if list(block) in ([f"{name}.weight"], [f"{name}.weight", f"{name}.bias"]) else None
