"""The GPU that is checked: its clock, its limits as they were measured, and what was timed on it."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from dropscape.numerics.devices import arithmetic
from dropscape.numerics.replay import Replayed

GIB = 2**30
DEVICE = "cuda"


@dataclass(frozen=True)
class Work:
    """What was timed, and what it asks of the device: for the rates that are fitted to all of them."""

    name: str
    seconds: float
    flops: float
    moved: float  # bytes
    calls: float  # kernels
    precision: str = "float32"
    replayed: bool = False


@dataclass
class Machine:
    """What the checks share.

    Attributes:
        quick: tiny sizes, to rehearse; rates then mean nothing.
        limits: measured rates by name: operations a second by precision, bytes a second as ``memory``, and seconds of
            a ``launch`` and of a kernel in a ``replay``.
        works: what was timed.
        options: those of another process that is to have the same device.
        until: the time of ``time.monotonic`` at which all is to be done.
    """

    quick: bool = False
    limits: dict[str, float] = field(default_factory=dict)
    works: list[Work] = field(default_factory=list)
    options: Sequence[str] = ()
    until: float = math.inf

    def size(self, full: Any, quick: Any) -> Any:
        """Choose the size of a check."""
        return quick if self.quick else full

    @property
    def pretended(self) -> bool:
        """Whether there is none, but tests that pretend it."""
        return "--pretended" in self.options

    def seconds(self, work: Callable[[], Any], repeats: int = 5) -> float:
        """Measure the median of some calls after one that warms up, each until the device is done."""
        work()
        return statistics.median(self.once(work) for _ in range(1 if self.quick else repeats))

    def once(self, work: Callable[[], Any]) -> float:
        """Measure one call."""
        torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - began

    def speed(self, precision: str, operations: float, seconds: float) -> dict[str, Any]:
        """Say how fast so many operations were, as fields of a line."""
        rate = operations / seconds
        return {"rate": rate / 1e12, "unit": "TF", "share": rate / self.limits.get(precision, math.nan)}

    def bandwidth(self, moved: float, seconds: float) -> dict[str, Any]:
        """Say how fast so many bytes were read and written, as fields of a line."""
        rate = moved / seconds
        return {"rate": rate / 1e9, "unit": "GB", "share": rate / self.limits.get("memory", math.nan)}


class StepClock:
    """A training's ``progress`` that measures the steps after ``first`` up to ``last``, and counts one before them."""

    def __init__(self, first: int, last: int, counted: "Counted | None" = None):
        self._first, self._last, self._counted = first, last, counted
        self.counts = (0.0, 0.0, 0.0)

    def __call__(self, done: int, _total: int, **_values: Any) -> None:
        if self._counted is not None and done == 1:
            self._before = self._counted.counts
        elif self._counted is not None and done == 2:
            self.counts = tuple(b - a for a, b in zip(self._before, self._counted.counts, strict=True))
        if done in (self._first, self._last):
            torch.cuda.synchronize()
            now = time.perf_counter()
            if done == self._first:
                self._began = now
            else:
                self.seconds = (now - self._began) / (self._last - self._first)


class Counted(TorchDispatchMode):
    """Counts operations of products, bytes that kernels read and write, and kernels."""

    counts = (0.0, 0.0, 0.0)

    def __torch_dispatch__(self, call: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        """Perform an operation and count it."""
        options = options or {}
        result = call(*arguments, **options)
        name = call._schema.name.removeprefix("aten::")
        if not call.is_view and not name.startswith(("empty", "new_empty", "_unsafe_view", "detach", "_reshape")):
            flops, moved, calls = self.counts
            tensors = [value for value in tree_leaves((arguments, result)) if isinstance(value, Tensor)]
            packet = getattr(torch.ops.aten, name.rstrip("_"), None)  # in place as elsewhere
            if packet in flop_registry:
                options = {key: value for key, value in options.items() if key != "out"}
                flops += flop_registry[packet](*arguments, **options, out_val=result)
            self.counts = flops, moved + sum(value.numel() * value.itemsize for value in tensors), calls + 1
        return result


@contextmanager
def captures() -> Iterator[list[bool]]:
    """Give a list of the captures of steps inside, whether each gave a graph."""
    captured: list[bool] = []
    capture = Replayed._capture

    def noted(replayed: Replayed) -> None:
        capture(replayed)
        captured.append(replayed._graph is not None)

    with mock.patch.object(Replayed, "_capture", noted):
        yield captured


def counted(work: Callable[[], Any]) -> tuple[float, float, float]:
    """Count the operations, bytes and kernels of a call."""
    with Counted() as counts:
        work()
    return counts.counts


def to_device(value: Any, device: str = DEVICE) -> Any:
    """Move tensors, networks and collections of them."""
    if isinstance(value, Tensor | nn.Module):
        return value.to(device)
    if isinstance(value, Mapping):
        return {name: to_device(one, device) for name, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(to_device(one, device) for one in value))
    return type(value)(to_device(one, device) for one in value)


def flat(values: Any) -> Tensor:
    """Everything in one vector on the processor, float64."""
    leaves = [value for value in tree_leaves(values) if isinstance(value, Tensor)]
    return torch.cat([value.detach().cpu().double().flatten() for value in leaves])


def relative(found: Any, expected: Any, start: Any = None) -> float:
    """Measure |found - expected| / |expected|, of all tensors together; with a start of what was moved from there."""
    one, other = flat(found), flat(expected)
    return float((one - other).norm() / (other - (0 if start is None else flat(start))).norm())


def different_bits(one: Any, other: Any) -> float:
    """Count the numbers that differ; two that are NaN are the same."""
    first, second = flat(one), flat(other)
    if first.shape != second.shape:
        raise AssertionError(f"{first.numel()} numbers beside {second.numel()}")
    return float(((first != second) & ~(first.isnan() & second.isnan())).sum())


def precisely(precision: str) -> AbstractContextManager:
    """Multiply in float32, or in tf32, inside."""
    return arithmetic("tf32" if precision == "tf32" else "float32")
