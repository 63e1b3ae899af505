"""Rebuilds networks from the stacked parameters and buffers that a training wrote."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from dropscape.models.registry import build


def restored(settings: Mapping[str, Any], tensors: Mapping[str, Tensor], with_dropout: bool = False) -> nn.Module:
    """Rebuild the network of the model settings with the given state dict, in evaluation mode.

    Without dropout layers a fully-connected network is a plain ``FullyConnected``, for which curvature and flatness
    have their fastest methods; other networks always have their dropout layers.
    """
    network = build(settings, with_dropout)
    network.load_state_dict(dict(tensors))
    return network.eval().requires_grad_(False)


def networks_of_seeds(
    settings: Mapping[str, Any], stacked: Mapping[str, Tensor], seeds: Sequence[int], with_dropout: bool = False
) -> Iterator[tuple[int, nn.Module]]:
    """Rebuild ``(seed, network)`` for every seed of a run; ``stacked`` is ``{name: (S, ...)}``."""
    for index, seed in enumerate(seeds):
        yield seed, restored(settings, {name: value[index] for name, value in stacked.items()}, with_dropout)
