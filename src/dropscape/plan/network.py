"""What one pass of one example through a network takes, counted on the network itself without any numbers in it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dropscape.data.examples import MAX_TOKENS
from dropscape.models.registry import build

IMAGE = (3, 32, 32)
# Words of each language in n sentence pairs; that many of Multi30k's in its first 2,048, within a factor of 2.
WORDS = 20.0


@dataclass(frozen=True)
class Network:
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


def network_of(settings: Mapping[str, Any]) -> Network:
    """The network of a run's settings.

    Raises:
        LookupError: it is a network of the user's own, whose examples are not known before the data is there.
    """
    model = settings["model"]
    if model["name"] == "own":
        raise LookupError("a network of one's own is not counted")
    if model["name"] == "transformer":
        length = (settings["data"]["max_tokens"] or MAX_TOKENS) + 1
        words = round(WORDS * math.sqrt(settings["data"]["train_examples"]))
        model = {**model, "source_vocabulary": words, "target_vocabulary": words, "source_length": length}
        shape: Sequence[int] = (2 * length,)
    else:
        shape = model["widths"][:1] if model["name"] == "fnn" else IMAGE
    return _counted(json.dumps(model), tuple(shape), tuple(settings["block"]))


@cache
def _counted(model: str, shape: tuple[int, ...], block: tuple[str, ...]) -> Network:
    settings = json.loads(model)
    outputs: list[int] = []
    with torch.device("meta"):
        network = build(settings).eval()
        example = torch.zeros(1, *shape, dtype=torch.int64 if settings["name"] == "transformer" else torch.float32)

    def note(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        outputs.append(output.numel())

    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(note)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(example)
    parameters = {name: value.numel() for name, value in network.named_parameters()}
    return Network(
        flops=float(counter.get_total_flops()),
        activations=sum(outputs),
        layers=len(outputs),
        parameters=sum(parameters.values()),
        block=sum(parameters[name] for name in block),
    )
