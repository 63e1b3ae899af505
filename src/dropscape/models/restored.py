"""Networks from the stacked parameters that a training wrote."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from dropscape.models.fnn import FullyConnected


def restored(settings: Mapping[str, Any], parameters: Mapping[str, Tensor]) -> FullyConnected:
    """The network of the model settings with the given parameters, in evaluation mode."""
    network = FullyConnected(settings["widths"], settings["activation"])
    network.load_state_dict(dict(parameters))
    return network.eval().requires_grad_(False)


def networks_of_seeds(
    settings: Mapping[str, Any], stacked: Mapping[str, Tensor], seeds: Sequence[int]
) -> Iterator[tuple[int, FullyConnected]]:
    """``(seed, network)`` for every seed of a run; ``stacked`` is ``{name: (S, ...)}``."""
    for index, seed in enumerate(seeds):
        yield seed, restored(settings, {name: value[index] for name, value in stacked.items()})
