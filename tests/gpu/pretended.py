"""``with pretended() as counts``: inside, torch sees a GPU, and counts what it is asked to do.

The guard must have been loaded (``tests.gpu.guard``), which the fixtures of this folder do.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from tests.gpu import graphs
from tests.gpu.counts import Counts
from tests.gpu.tensors import Generator, OnGpu, SeesAll, gpu

MEMORY = 139 << 30
PROPERTIES = SimpleNamespace(
    name="pretended GPU", major=9, minor=0, total_memory=MEMORY, multi_processor_count=132, uuid="pretended"
)
_CUDA: dict[str, Any] = {
    "_lazy_init": lambda: None,
    "current_device": lambda: 0,
    "device_count": lambda: 1,
    "empty_cache": lambda: None,
    "get_device_capability": lambda *_: (PROPERTIES.major, PROPERTIES.minor),
    "get_device_name": lambda *_: PROPERTIES.name,
    "get_device_properties": lambda *_: PROPERTIES,
    # What draws without a generator of its own draws from the processor's.
    "get_rng_state": lambda *_: torch.get_rng_state(),
    "set_rng_state": lambda state, *_: torch.set_rng_state(state),
    "is_available": lambda: True,
    "is_bf16_supported": lambda *_, **__: True,
    "is_initialized": lambda: True,
    "max_memory_allocated": lambda *_: 0,
    "max_memory_reserved": lambda *_: 0,
    "memory_allocated": lambda *_: 0,
    "memory_reserved": lambda *_: 0,
    "reset_peak_memory_stats": lambda *_: None,
    "set_device": lambda *_: None,
    # Graphs and streams.
    "CUDAGraph": graphs.CUDAGraph,
    "Event": graphs.Event,
    "Stream": graphs.Stream,
    "current_stream": graphs.current_stream,
    "set_stream": graphs.set_stream,
    "default_stream": lambda *_: graphs.DEFAULT_STREAM,
    "graph": graphs.Graph,
    "graph_pool_handle": lambda: (0, 0),
    "is_current_stream_capturing": graphs.is_capturing,
    "stream": graphs.InStream,
    "synchronize": graphs.synchronize,
}
_ACCELERATOR: dict[str, Any] = {
    "current_accelerator": lambda *_, **__: torch.device("cuda"),
    "current_stream": graphs.current_stream,
    "device_count": lambda: 1,
    "is_available": lambda: True,
    "synchronize": graphs.synchronize,
}


@contextmanager
def pretended(memory: int = MEMORY) -> Iterator[Counts]:
    """Let torch see a GPU of so many bytes inside, with the flags that torch starts with; give the counts, all zero."""
    with ExitStack() as inside:
        for module, values in ((torch.cuda, _CUDA), (torch.accelerator, _ACCELERATOR)):
            for name, value in values.items():
                inside.enter_context(mock.patch.object(module, name, value))
        inside.enter_context(mock.patch.object(torch.cuda, "mem_get_info", lambda *_: (memory, memory)))
        inside.enter_context(mock.patch.object(torch, "Generator", Generator))
        inside.enter_context(mock.patch.object(torch.Tensor, "pin_memory", lambda value, *_: value.clone()))
        inside.enter_context(mock.patch.object(torch.__future__, "get_swap_module_params_on_conversion", lambda: True))
        inside.enter_context(mock.patch.object(torch.utils, "swap_tensors", _swapper(torch.utils.swap_tensors)))
        # Optimizers take all parameters at once on a GPU.
        optimizers = import_module("torch.optim.optimizer")
        known = [*optimizers._foreach_supported_types, OnGpu]
        inside.enter_context(mock.patch.object(optimizers, "_foreach_supported_types", known))
        inside.enter_context(fresh_flags())
        # torch.tensor(numbers, device="cuda") is then a copy that is seen.
        torch._C._set_only_lift_cpu_tensors(True)
        inside.callback(torch._C._set_only_lift_cpu_tensors, False)
        inside.enter_context(SeesAll())
        inside.callback(gpu.generators.clear)
        gpu.counts.reset()
        yield gpu.counts


def _swapper(swap: Callable[[Tensor, Tensor], None]) -> Callable[[Tensor, Tensor], None]:
    """How modules convert a parameter: it stays the one that others hold, on another device as a tensor of its kind."""

    def convert(parameter: Tensor, converted: Tensor) -> None:
        if isinstance(parameter, OnGpu) == isinstance(converted, OnGpu):
            parameter.data = converted
        else:
            swap(parameter, converted)

    return convert


@contextmanager
def fresh_flags() -> Iterator[None]:
    """Set the flags of a fresh process, and put back those that were there."""
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.use_deterministic_algorithms(False)
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = False, True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32
