"""What one pass of one example through a network takes, counted on the network itself without any numbers in it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dropscape.models.registry import build, with_data_dimensions
from dropscape.models.settings import network_kind

# Words of each language in n sentence pairs; that many of Multi30k's in its first 2,048, within a factor of 2.
WORDS = 20.0


@dataclass(frozen=True)
class NetworkCounts:
    """Counts for one example.

    Attributes:
        flops: multiplications and additions of a forward pass.
        activations: numbers that its layers put out.
        layers: how many layers are called.
        parameters, block: numbers in all parameters, and in those of the block.
    """

    flops: float
    activations: int
    layers: int
    parameters: int
    block: int


def counted_network(settings: Mapping[str, Any], shape: tuple[int, ...]) -> NetworkCounts:
    """The network of a run's settings, for examples of this shape."""
    words = round(WORDS * math.sqrt(settings["data"]["train_examples"]))
    vocabulary = dict.fromkeys(range(words))
    description = {"source_vocabulary": vocabulary, "target_vocabulary": vocabulary, "source_length": shape[0] // 2}
    model = with_data_dimensions(settings["model"], description)
    return _counted(json.dumps(model), shape, tuple(settings["block"]))


@cache
def _counted(model: str, shape: tuple[int, ...], block: tuple[str, ...]) -> NetworkCounts:
    settings = json.loads(model)
    outputs: list[int] = []
    dtype = torch.int64 if network_kind(settings["name"]).translates else torch.float32
    with torch.device("meta"):
        network, example = build(settings).eval(), torch.zeros(1, *shape, dtype=dtype)

    def note(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        outputs.append(output.numel())

    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(note)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(example)
    parameters = {name: value.numel() for name, value in network.named_parameters()}
    return NetworkCounts(
        flops=float(counter.get_total_flops()),
        activations=sum(outputs),
        layers=len(outputs),
        parameters=sum(parameters.values()),
        block=sum(parameters[name] for name in block),
    )
