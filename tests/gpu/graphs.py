"""Streams, events and graphs of the pretended GPU.

A capture takes down every operation with the very tensors that it reads and writes, and leaves everything as it was, as
on CUDA, where nothing runs: what it made holds garbage until the first replay. A replay performs the operations again,
in place. There is one queue of work: streams run in the order of the program, so a missing ``wait_stream`` is not seen.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves

from tests.gpu import operations
from tests.gpu.counts import place
from tests.gpu.tensors import DEVICE, RealGenerator, fill_with_garbage, gpu


class Event:
    """A point in the queue."""

    def __init__(self, *_, **__):
        pass

    def record(self, stream=None) -> None:
        """Do nothing: the queue is in order."""

    def wait(self, stream=None) -> None:
        """Do nothing: the queue is in order."""

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        gpu.wait("Event.synchronize")

    def elapsed_time(self, _other) -> float:
        return 1.0


class Stream:
    """A stream, whose work is done in the order of the program."""

    device = DEVICE

    def __init__(self, *_, **__):
        pass

    def wait_stream(self, _other) -> None:
        """Do nothing: the queue is in order."""

    def wait_event(self, _event) -> None:
        """Do nothing: the queue is in order."""

    def record_event(self, event: Event | None = None) -> Event:
        return event or Event()

    def query(self) -> bool:
        return True

    def is_capturing(self) -> bool:
        return is_capturing()

    def synchronize(self) -> None:
        gpu.wait("Stream.synchronize")


DEFAULT_STREAM = Stream()
_streams = [DEFAULT_STREAM]


class InStream:
    """``with torch.cuda.stream(...)``."""

    def __init__(self, stream: Stream | None):
        self.stream = stream or _streams[-1]

    def __enter__(self) -> None:
        _streams.append(self.stream)

    def __exit__(self, *_) -> None:
        _streams.pop()


def current_stream(_device=None) -> Stream:
    """The stream that work goes to."""
    return _streams[-1]


def set_stream(stream: Stream) -> None:
    """Let work go to a stream from now on."""
    _streams[-1] = stream


def synchronize(_device=None) -> None:
    """Wait until all is done."""
    gpu.wait("synchronize")


def is_capturing() -> bool:
    """Whether a graph is being captured."""
    return gpu.capture is not None


class _Capture:
    """The operations of a graph, and how everything was before."""

    def __init__(self, generators: Sequence[RealGenerator]):
        self.calls: list[tuple[Any, tuple, dict[str, Any], Any, bool]] = []
        self._generators = {generator._cdata for generator in generators}
        self._before: dict[int, tuple[Tensor, Tensor]] = {}  # memory by address, and its bytes
        self._made: dict[int, Tensor] = {}  # by address
        self._drawn_before = torch.random.get_rng_state()
        self._counted_before = gpu.counts.seen()
        self.work: dict[str, Counter[str]] = {}  # what a replay is counted as

    def check_generators(self, generators: Sequence[RealGenerator]) -> None:
        if any(generator._cdata not in self._generators for generator in generators):
            raise RuntimeError(
                "Attempt to increase offset for a CUDA generator not in capture mode: register it with the graph, "
                f"at {place()}"
            )

    def before(self, read: Sequence[Tensor]) -> None:
        """Keep what an operation may change of the memory that was there before the capture."""
        for value in read:
            address = _address(value)
            if address and address not in self._made and address not in self._before:
                memory = _bytes(value)
                self._before[address] = memory, memory.clone()

    def after(self, call: Any, function: Any, arguments: tuple, options: dict[str, Any], result: Any) -> None:
        """Take an operation down."""
        for value in tree_leaves(result):
            if isinstance(value, Tensor) and _address(value) not in self._before:
                self._made[_address(value)] = value
        empty = operations.named(call) in operations.EMPTY
        if operations.launches(call) or empty:
            self.calls.append((function, arguments, options, result, empty))

    def leave(self) -> None:
        """Undo what the capture did, which on CUDA does nothing."""
        for memory, values in self._before.values():
            memory.copy_(values)
        for value in self._made.values():
            fill_with_garbage(value)
        torch.random.set_rng_state(self._drawn_before)
        nothing: Counter[str] = Counter()
        self.work = {
            kind: places - self._counted_before.get(kind, nothing) for kind, places in gpu.counts.seen().items()
        }


def _address(value: Tensor) -> int:
    return value.untyped_storage().data_ptr()


def _bytes(value: Tensor) -> Tensor:
    """All of the memory that a tensor is a part of."""
    return torch.empty(0, dtype=torch.uint8).set_(value.untyped_storage())


class CUDAGraph:
    """A graph of operations."""

    def __init__(self, keep_graph: bool = False):
        self._capture: _Capture | None = None
        self._generators: list[RealGenerator] = []

    def register_generator_state(self, generator: RealGenerator) -> None:
        """Let operations of the graph draw from it, anew in each replay."""
        self._generators.append(generator)

    def capture_begin(self, pool=None, capture_error_mode: str = "global") -> None:
        gpu.refuse_in_capture("another capture")
        if current_stream() is DEFAULT_STREAM:
            raise RuntimeError("CUDA graphs must be captured on a non-default stream.")
        self._capture = gpu.capture = _Capture(self._generators)

    def capture_end(self) -> None:
        capture, gpu.capture = gpu.capture, None
        if capture is None or capture is not self._capture:
            raise RuntimeError("capture_end without a capture of this graph")
        with _disable_current_modes(), torch.no_grad():
            capture.leave()

    @torch.no_grad()
    def replay(self) -> None:
        """Perform the operations again; what each gives goes to where it went in the capture."""
        gpu.refuse_in_capture("a replay")
        if self._capture is None:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
        gpu.counts.add("replays", "graph")
        gpu.counts.repeat(self._capture.work)
        with _disable_current_modes():
            for function, arguments, options, kept, empty in self._capture.calls:
                if empty:
                    fill_with_garbage(kept)  # the last replay's memory, which a graph must not read
                    continue
                result = function(*arguments, **options)
                for old, new in zip(tree_leaves(kept), tree_leaves(result), strict=True):
                    if isinstance(old, Tensor) and _address(old) != _address(new):
                        old.copy_(new)

    def reset(self) -> None:
        self._capture = None

    def pool(self) -> tuple[int, int]:
        return 0, 0


class Graph:
    """``with torch.cuda.graph(...)``."""

    def __init__(self, cuda_graph: CUDAGraph, pool=None, stream=None, capture_error_mode: str = "global"):
        self._graph, self._stream = cuda_graph, InStream(stream or Stream())

    def __enter__(self) -> None:
        synchronize()
        self._stream.__enter__()
        try:
            self._graph.capture_begin()
        except BaseException:
            self._stream.__exit__()
            raise

    def __exit__(self, kind, *_) -> None:
        self._stream.__exit__()
        self._graph.capture_end()
        if kind is not None:
            self._graph.reset()
