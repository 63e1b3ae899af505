"""Cuts a network before the first layer that reads a block, so that what does not depend on the block runs once.

A module may offer ``split(block) -> (prefix, suffix)``, two callables with ``suffix(prefix(x)) == model(x)`` in
evaluation mode, both reading the module's parameters when they are called, and ``prefix`` none of the block's. An
``nn.Sequential`` is cut between its children; any other module runs whole, one with another ``split`` too.

What a network reads, and what a prefix hands on, is a tensor or a tuple of tensors whose first dimension counts the
examples.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dropscape.errors import ConfigurationError
from dropscape.models.block import block_parameters
from dropscape.numerics.devices import Budget

Inputs = Tensor | tuple[Tensor, ...]

EXAMPLES_OF_CHECK = 8
# A split that disagrees by more than what rounding does to a deep float32 network is wrong.
SPLIT_TOLERANCE = 1e-3
# What the prefix hands on is kept for all examples up to this size, and computed again for each batch beyond it.
CACHE_BYTES = Budget(2**30, 1 / 16)
PREFIX_BATCH = Budget(256, 2**12)


def count(inputs: Inputs) -> int:
    """Count the examples."""
    return len(inputs) if isinstance(inputs, Tensor) else len(inputs[0])


def take(inputs: Inputs, chosen: slice | Tensor) -> Inputs:
    """Take some of the examples."""
    return inputs[chosen] if isinstance(inputs, Tensor) else tuple(values[chosen] for values in inputs)


def spread(n: int, few: int) -> Tensor:
    """Number ``few`` of n examples, or all, spread evenly: the first ones may be of one class, or blank."""
    return torch.linspace(0, n - 1, min(n, few), dtype=torch.float64).round().long()


def batches(inputs: Inputs, size: int) -> Iterator[Inputs]:
    """Take the examples in order, ``size`` at a time."""
    return (take(inputs, slice(start, start + size)) for start in range(0, count(inputs), size))


def cast(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    """Convert floating-point tensors to ``dtype``, detached, and complex ones to its complex numbers; others stay."""
    if not isinstance(inputs, Tensor):
        return tuple(cast(values, dtype) for values in inputs)
    if inputs.is_floating_point():
        return inputs.detach().to(dtype)
    return inputs.detach().to(dtype.to_complex()) if inputs.is_complex() else inputs


def moved(inputs: Inputs, device: str | torch.device) -> Inputs:
    """Move the examples to a device."""
    return inputs.to(device) if isinstance(inputs, Tensor) else tuple(values.to(device) for values in inputs)


def are_images(inputs: Inputs) -> bool:
    """Tell whether the examples are images, (n, channels, height, width)."""
    return isinstance(inputs, Tensor) and inputs.ndim == 4


def in_fast_order(inputs: Inputs) -> Inputs:
    """Bring images into the memory order in which convolutions are fastest."""
    return inputs.contiguous(memory_format=torch.channels_last) if are_images(inputs) else inputs


@dataclass(frozen=True)
class SplitNetwork:
    """A private copy of a network, cut before the block."""

    network: nn.Module  # the copy, in the caller's mode; only the block's parameters require gradients
    block: dict[str, Tensor]  # the copy's parameters of the block, by name
    prefix: Callable[[Inputs], Inputs]  # inputs to what the suffix reads; does not depend on the block
    suffix: Callable[[Inputs], Tensor]  # from there to the outputs

    def prepared(self, inputs: Inputs, batch: int | None = None) -> tuple[Inputs, Callable[[Inputs], Tensor]]:
        """Run the prefix in advance; return ``(examples, f)`` with f(examples) the network's outputs.

        It runs ``batch`` examples at a time where its results take ``CACHE_BYTES`` at most (or those of a GPU); else f
        runs it each time.
        """
        if self.prefix is _nothing:
            return inputs, self.suffix
        with torch.no_grad():
            first = self.prefix(take(inputs, slice(0, 1)))
            device = _tensors(first)[0].device
            batch = batch or PREFIX_BATCH.on(device)
            bytes_of_all = sum(values.nbytes for values in _tensors(first)) * count(inputs)
            if bytes_of_all > CACHE_BYTES.on(device):
                return inputs, lambda x: self.suffix(self._frozen_prefix(x))
            return joined([self.prefix(few) for few in batches(inputs, batch)]), self.suffix

    @torch.no_grad()
    def _frozen_prefix(self, inputs: Inputs) -> Inputs:
        return self.prefix(inputs)


def split_network(model: nn.Module, block: Sequence[str], inputs: Inputs, dtype: torch.dtype) -> SplitNetwork:
    """Copy the model in ``dtype`` and cut the copy before the block; the first few ``inputs`` test the cut.

    A ConfigurationError names an unknown parameter, or a ``split`` of the model that does not keep its word.
    """
    block_parameters(model, block)
    network = copy.deepcopy(model).requires_grad_(False)
    # Module.to(dtype) would leave complex parameters and buffers, as rotary embeddings have, with their real parts.
    network._apply(lambda values: cast(values, dtype))
    parameters = {name: network.get_parameter(name).requires_grad_() for name in block}
    prefix, suffix = split(network, block, cast(inputs, dtype))
    return SplitNetwork(network, parameters, prefix, suffix)


def split(
    network: nn.Module, block: Sequence[str], inputs: Inputs
) -> tuple[Callable[[Inputs], Inputs], Callable[[Inputs], Tensor]]:
    """Cut the network itself before the block, into ``(prefix, suffix)``; the first few ``inputs`` test the cut.

    Of the parameters only the block's require gradients. An ``nn.Sequential`` is not cut where a child hands on
    something else than rows for the examples, or where the whole is more than its children.
    """
    block_parameters(network, block)
    method = getattr(type(network), "split", None)  # which another module may have for something else
    offers_split = callable(method) and list(inspect.signature(method).parameters)[1:] == ["block"]
    offers_split = offers_split and not (network._forward_hooks or network._forward_pre_hooks)
    if offers_split:
        prefix, suffix = network.split(list(block))
    elif type(network) is nn.Sequential:
        parameters = {id(network.get_parameter(name)) for name in block}
        first = [any(id(value) in parameters for value in child.parameters()) for child in network].index(True)
        prefix, suffix = network[:first], network[first:]
    else:
        return _nothing, network
    few = take(inputs, slice(0, EXAMPLES_OF_CHECK))
    with torch.enable_grad():
        read = prefix(few)
        one = prefix(take(few, slice(0, 1)))
    if not offers_split and not (_are_rows(read, count(few)) and _are_rows(one, 1)):
        return _nothing, network
    if any(values.requires_grad for values in _tensors(read)):
        raise ConfigurationError(
            f"{type(network).__name__}.split({list(block)}) gives a prefix that reads the block; change that method so "
            "that the prefix ends before the first layer that reads a parameter of the block."
        )
    with torch.no_grad():
        whole, joined = network(few), suffix(read)
    atol = SPLIT_TOLERANCE * float(whole.abs().nan_to_num(0, 0, 0).max())
    if whole.shape == joined.shape and torch.allclose(whole, joined, rtol=0, atol=atol, equal_nan=True):
        return prefix, suffix
    if not offers_split:
        return _nothing, network
    raise ConfigurationError(
        f"{type(network).__name__}.split({list(block)}) gives a prefix and a suffix whose outputs are not the "
        "model's; change that method so that suffix(prefix(x)) equals model(x)."
    )


def _are_rows(read: object, n: int) -> bool:
    """Tell whether what a prefix hands on is tensors with a row for each of n examples."""
    return all(
        isinstance(values, Tensor) and values.ndim and len(values) == n
        for values in (read if isinstance(read, tuple) else (read,))
    )


def _nothing(inputs: Inputs) -> Inputs:
    return inputs


def _tensors(inputs: Inputs) -> tuple[Tensor, ...]:
    return (inputs,) if isinstance(inputs, Tensor) else inputs


def joined(chunks: Sequence[Inputs]) -> Inputs:
    """Put the examples of all chunks together, in order."""
    if isinstance(chunks[0], Tensor):
        return torch.cat(list(chunks)) if len(chunks) > 1 else chunks[0]
    return tuple(torch.cat(values) for values in zip(*chunks, strict=True))
