"""What one pass of one example through a network takes, counted on the network itself without any numbers in it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from dropscape.dropout.layers import masks_in_force, set_keep_prob
from dropscape.models.registry import build, with_data_dimensions
from dropscape.models.settings import network_kind

# Words of each language in n sentence pairs; that many of Multi30k's in its first 2,048, within a factor of 2.
WORDS = 20.0


# Examples of a pass that is counted, so many that what it moves for all of them together does not count.
EXAMPLES = 4096


@dataclass(frozen=True)
class PassCounts:
    """Counts of a pass of a batch, with the gradient if it has one.

    Attributes:
        kernels: that it calls, however many the examples.
        flops: multiplications and additions of its products, for an example.
        moved: bytes that its kernels read and write, for an example.
    """

    kernels: int
    flops: float
    moved: float


NOTHING = PassCounts(0, 0.0, 0.0)


@dataclass(frozen=True)
class NetworkCounts:
    """Counts for one example.

    Attributes:
        flops: multiplications and additions of a forward pass.
        activations: numbers that its layers put out.
        layers: how many layers are called.
        kept: bytes that a pass in training keeps for its gradient.
        parameters, block: numbers in all parameters, and in those of the block.
        passes: ``forward`` without masks and gradient, with the gradient of the ``block`` under masks and ``unmasked``,
            in ``training`` mode with that of all parameters under masks.
    """

    flops: float
    activations: int
    layers: int
    parameters: int
    block: int
    kept: float = 0.0
    passes: Mapping[str, PassCounts] = field(default_factory=dict)


def counted_network(settings: Mapping[str, Any], shape: tuple[int, ...]) -> NetworkCounts:
    """The network of a run's settings, for examples of this shape."""
    words = round(WORDS * math.sqrt(settings["data"]["train_examples"]))
    vocabulary = dict.fromkeys(range(words))
    description = {"source_vocabulary": vocabulary, "target_vocabulary": vocabulary, "source_length": shape[0] // 2}
    model = with_data_dimensions(settings["model"], description)
    keep_probs = settings["keep_prob"] if isinstance(settings["keep_prob"], list) else [settings["keep_prob"]]
    return _counted(json.dumps(model), shape, tuple(settings["block"]), min(keep_probs) < 1)


@cache
def _counted(model: str, shape: tuple[int, ...], block: tuple[str, ...], has_masks: bool) -> NetworkCounts:
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
    examples = torch.zeros(EXAMPLES, *shape, dtype=dtype, device="meta")
    return NetworkCounts(
        flops=float(counter.get_total_flops()),
        activations=sum(outputs),
        layers=len(outputs),
        parameters=sum(parameters.values()),
        block=sum(parameters[name] for name in block),
        kept=_kept(network, examples, has_masks),
        passes=_passes(network, examples, block, has_masks),
    )


def _kept(network: nn.Module, examples: Tensor, has_masks: bool) -> float:
    """Bytes for an example of the distinct tensors that a pass in training saves for its gradient."""
    network.train().requires_grad_(True)
    set_keep_prob(network, 0.5 if has_masks else 1.0)
    storages = {}

    def save(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        storages[storage._cdata] = storage  # kept alive, so that no other takes its number
        return value

    saving = torch.autograd.graph.saved_tensors_hooks(save, lambda value: value)
    with masks_in_force(network, _OneKernel(), 0, 0), saving:
        network(examples).log_softmax(-1).sum()
    for parameter in network.parameters():
        storages.pop(parameter.untyped_storage()._cdata, None)
    return sum(storage.nbytes() for storage in storages.values()) / len(examples)


def _passes(network: nn.Module, examples: Tensor, block: tuple[str, ...], has_masks: bool) -> dict[str, PassCounts]:
    found = {}
    for kind in ("forward", "unmasked", "block", "training"):
        network.train(kind == "training")
        for name, value in network.named_parameters():
            value.requires_grad_(kind == "training" or (kind != "forward" and name in block))
        wanted = [value for value in network.parameters() if value.requires_grad]
        kernels, masks = _Kernels(), _OneKernel()
        set_keep_prob(network, 0.5 if has_masks and kind in ("block", "training") else 1.0)
        with FlopCounterMode(display=False) as counter, kernels, masks_in_force(network, masks, 0, 0):
            loss = network(examples).log_softmax(-1).sum()
            if wanted:
                torch.autograd.grad(loss, wanted, allow_unused=True)
        called = kernels.called + (len(wanted) if kind == "training" else 0)  # micro-batches add up
        found[kind] = PassCounts(called, counter.get_total_flops() / len(examples), kernels.moved / len(examples))
    return found


class _OneKernel:
    """Stands for ``ModuleMasks``: a GPU draws, scales and multiplies a mask in one kernel (``dropout.mask_kernel``)."""

    shared = False

    def stream(self, _layer: str) -> "_OneKernel":
        return self

    def masked(self, x: Tensor, *_: Any) -> Tensor:
        return x * 2.0


class _Kernels(TorchDispatchMode):
    """Counts operations that launch a kernel, and the bytes that they read and write."""

    called = moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view and not func.overloadpacket.__name__.startswith(("empty", "new_empty", "_unsafe_view")):
            self.called += 1
            self.moved += sum(each.nbytes for each in tree_leaves((args, result)) if isinstance(each, Tensor))
        return result
