"""Blocks: the parameters that a curvature or noise measurement is restricted to (paper A, App. A).

A block is a tuple of parameter names of a module, for example ``("layers.1.weight", "layers.1.bias")``. Its
vector holds the parameters one after the other in that order, each flattened row by row.
"""

from collections.abc import Collection, Iterable, Sequence

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


def named_block(model: nn.Module, block: str | Sequence[str] | nn.Module | None) -> tuple[str, ...]:
    """Name the parameters of a block, each once and by the first of its names where several modules share it.

    Args:
        model: the whole model.
        block: a parameter's name, names, a submodule of the model, or None for all of its parameters.

    Raises:
        ConfigurationError: an unknown name, a parameter named twice, no parameter, or a module that is not the model's.
    """
    names = {id(value): name for name, value in reversed(list(model.named_parameters()))}
    if block is None:
        block = model
    if isinstance(block, nn.Module):
        if all(module is not block for module in model.modules()):
            raise ConfigurationError(
                f"block is a {type(block).__name__} that is not a part of the model; give one of its submodules, or "
                "names of parameters."
            )
        found = tuple(names[id(value)] for value in block.parameters())
        if not found:
            raise ConfigurationError(
                f"block is a {type(block).__name__} without parameters; write some of: {', '.join(names.values())}."
            )
        return found
    if isinstance(block, Tensor) or not isinstance(block, Iterable):
        raise ConfigurationError(
            f"block is a {type(block).__name__}; write parameters' names, some of: {', '.join(names.values())}."
        )
    given = [block] if isinstance(block, str) else list(block)
    known = dict(model.named_parameters(remove_duplicate=False))
    if not given:
        raise ConfigurationError(f"block is empty; write some of: {', '.join(known)}.")
    check_block(given, known)
    found = tuple(names[id(known[name])] for name in given)
    twice = next((name for number, name in enumerate(given) if found[number] in found[:number]), None)
    if twice is not None:
        raise ConfigurationError(f"block names the parameter '{twice}' twice; write each parameter once.")
    return found


def in_words(block: Sequence[str]) -> str:
    """Name a block in a sentence: all of its parameters, or the first ones of many."""
    few = ", ".join(block[:3])
    return few if len(block) <= 3 else f"{few} and {len(block) - 3} more"


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
