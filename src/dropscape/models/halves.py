"""A network cut before the first layer that reads a block, so that what does not depend on the block runs once.

A module may offer ``split(block) -> (prefix, suffix)``, two callables with ``suffix(prefix(x)) == model(x)`` in
evaluation mode, both reading the module's parameters when they are called, and ``prefix`` none of the block's. An
``nn.Sequential`` is cut between its children; any other module runs whole.

What a network reads, and what a prefix hands on, is "examples": a tensor or a tuple of tensors whose first
dimension counts the examples.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dropscape.errors import ConfigurationError
from dropscape.models.block import block_parameters

Examples = Tensor | tuple[Tensor, ...]

EXAMPLES_OF_CHECK = 8
# A split that disagrees by more than what rounding does to a deep float32 network is wrong.
SPLIT_TOLERANCE = 1e-3
# What the prefix hands on is kept for all examples up to this size, and computed again for each batch beyond it.
CACHE_BYTES = 2**30
PREFIX_BATCH = 256


def count(examples: Examples) -> int:
    """n, how many examples there are."""
    return len(examples) if isinstance(examples, Tensor) else len(examples[0])


def take(examples: Examples, part: slice) -> Examples:
    """The examples of a slice."""
    return examples[part] if isinstance(examples, Tensor) else tuple(values[part] for values in examples)


def batches(examples: Examples, size: int) -> Iterator[Examples]:
    """The examples in order, ``size`` at a time."""
    return (take(examples, slice(start, start + size)) for start in range(0, count(examples), size))


def cast(examples: Examples, dtype: torch.dtype) -> Examples:
    """Floating-point tensors in ``dtype``, detached; whole numbers as they are."""
    if isinstance(examples, Tensor):
        return examples.detach().to(dtype) if examples.is_floating_point() else examples
    return tuple(cast(values, dtype) for values in examples)


def of_images(examples: Examples) -> bool:
    """Whether the examples are images, (n, channels, height, width)."""
    return isinstance(examples, Tensor) and examples.ndim == 4


def in_fast_order(examples: Examples) -> Examples:
    """The same examples; images in the memory order in which convolutions are fastest."""
    return examples.contiguous(memory_format=torch.channels_last) if of_images(examples) else examples


@dataclass(frozen=True)
class Halves:
    """A private copy of a network, cut before the block.

    Attributes:
        network: the copy, in the caller's mode; only the block's parameters require gradients.
        block: the copy's own parameters of the block, by name.
        prefix: inputs to what the suffix reads; does not depend on the block.
        suffix: from there to the outputs.
    """

    network: nn.Module
    block: dict[str, Tensor]
    prefix: Callable[[Examples], Examples]
    suffix: Callable[[Examples], Tensor]

    def prepared(self, inputs: Examples, batch: int = PREFIX_BATCH) -> tuple[Examples, Callable[[Examples], Tensor]]:
        """``(examples, f)`` with f(examples) the network's outputs, the prefix run in advance.

        In advance, ``batch`` examples at a time, where its results take ``CACHE_BYTES`` at most; else f runs it each
        time.
        """
        if self.prefix is _nothing:
            return inputs, self.suffix
        with torch.no_grad():
            first = self.prefix(take(inputs, slice(0, 1)))
            if _bytes(first) * count(inputs) > CACHE_BYTES:
                return inputs, lambda x: self.suffix(self._frozen_prefix(x))
            return _joined([self.prefix(part) for part in batches(inputs, batch)]), self.suffix

    @torch.no_grad()
    def _frozen_prefix(self, inputs: Examples) -> Examples:
        return self.prefix(inputs)


def halves(model: nn.Module, block: Sequence[str], inputs: Examples, dtype: torch.dtype) -> Halves:
    """A copy of the model in ``dtype``, cut before the block. The caller's model is not touched.

    Args:
        model: maps examples to outputs (n, ...).
        block: parameter names.
        inputs: the first few test the cut; any floating dtype.
        dtype: of the copy's parameters and buffers.

    Raises:
        ConfigurationError: a name is not a parameter, or the model's ``split`` does not keep its word.
    """
    block_parameters(model, block)
    network = copy.deepcopy(model).requires_grad_(False).to(dtype)
    own = dict(network.named_parameters())
    parameters = {name: own[name].requires_grad_() for name in block}
    prefix, suffix = split(network, block)
    few = cast(take(inputs, slice(0, EXAMPLES_OF_CHECK)), dtype)
    with torch.enable_grad():
        read = prefix(few)
    if any(values.requires_grad for values in _tensors(read)):
        raise ConfigurationError(
            f"{type(model).__name__}.split({list(block)}) gives a prefix that reads the block; mend that method, so "
            "that the prefix ends before the first layer that reads a parameter of the block."
        )
    with torch.no_grad():
        whole, parts = network(few), suffix(read)
    size = float(whole.abs().nan_to_num(0, 0, 0).max())
    if whole.shape != parts.shape or not torch.allclose(
        whole, parts, rtol=0, atol=SPLIT_TOLERANCE * size, equal_nan=True
    ):
        raise ConfigurationError(
            f"{type(model).__name__}.split({list(block)}) gives a prefix and a suffix whose outputs are not the "
            "model's; mend that method, so that suffix(prefix(x)) equals model(x)."
        )
    return Halves(network, parameters, prefix, suffix)


def split(
    network: nn.Module, block: Sequence[str]
) -> tuple[Callable[[Examples], Examples], Callable[[Examples], Tensor]]:
    """``(prefix, suffix)`` of the network itself, cut before the block; neither is tested.

    Raises:
        ConfigurationError: a name is not a parameter of the network.
    """
    block_parameters(network, block)
    parameters = [network.get_parameter(name) for name in block]
    if hasattr(network, "split"):
        return network.split(list(block))
    if type(network) is nn.Sequential:
        reads = [any(own is value for own in child.parameters() for value in parameters) for child in network]
        return network[: reads.index(True)], network[reads.index(True) :]
    return _nothing, network


def _nothing(examples: Examples) -> Examples:
    return examples


def _bytes(examples: Examples) -> int:
    return sum(values.numel() * values.element_size() for values in _tensors(examples))


def _tensors(examples: Examples) -> tuple[Tensor, ...]:
    return (examples,) if isinstance(examples, Tensor) else examples


def _joined(parts: Sequence[Examples]) -> Examples:
    if isinstance(parts[0], Tensor):
        return torch.cat(list(parts)) if len(parts) > 1 else parts[0]
    return tuple(torch.cat(values) for values in zip(*parts, strict=True))
