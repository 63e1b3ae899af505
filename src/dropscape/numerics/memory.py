"""How many examples a device differentiates at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

from dropscape.numerics.devices import arithmetic, gpu_memory

# The graph of one micro-batch may take one part in so many of a GPU's memory. A captured step has as much again, and
# four jobs share a GPU.
SHARE_OF_A_GPU = 16


def bytes_per_example(graph: Callable[[slice], Tensor], n: int) -> int:
    """Measure what the graph that ``graph`` builds for a slice of the n examples keeps for each example, at least 1.

    It is the difference between two examples and one, so that parameters do not count.
    """

    def saved(chunk: slice) -> int:
        sizes: dict[int, int] = {}

        def note(values: Tensor) -> Tensor:
            sizes[values.untyped_storage().data_ptr()] = values.untyped_storage().nbytes()
            return values

        with torch.autograd.graph.saved_tensors_hooks(note, lambda values: values):
            kept = graph(chunk)
        del kept
        return sum(sizes.values())

    return max(1, saved(slice(0, 2)) - saved(slice(0, 1)) if n > 1 else saved(slice(0, 1)))


def fitting_micro_batch(micro_batch: int, graph: Callable[[slice], Tensor], n: int, device: str | torch.device) -> int:
    """Choose how many of n examples are differentiated at a time: on a GPU as many times ``micro_batch`` as fit.

    It depends on how much memory the GPU has, not on how much is free, so that each run on it gives the same bits.
    ``graph`` builds the graph for a slice of the examples.
    """
    if torch.device(device).type == "cpu":
        return micro_batch
    memory = gpu_memory() // SHARE_OF_A_GPU
    with arithmetic("float32"):
        each = bytes_per_example(graph, n)
    times = memory // (each * micro_batch)
    return micro_batch * max(1, min(times, -(-n // micro_batch)))
