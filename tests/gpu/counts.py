"""Counts what a GPU would be asked to do, by kind and by the place in the library that asks."""

import sys
import threading
from collections import Counter, defaultdict
from pathlib import Path
from types import FrameType

KINDS = {
    "calls": "operations that launch kernels",
    "replays": "graphs that are launched",
    "replayed": "operations of those graphs, which the processor does not launch",
    "waits": "the processor waits for the GPU",
    "to_device": "copies from the processor",
    "to_processor": "copies to the processor",
    "generators": "random generators that are made on the GPU",
    "fills": "new memory that deterministic mode fills",
    "scatters": "scatter, index_put, index_copy, index_add, nonzero: slow or waiting, in deterministic mode above all",
    "tf32": "products of float32 matrices, and convolutions, that take TF32",
    "unrepeatable": "operations that torch calls nondeterministic on CUDA",
}
_HERE = str(Path(__file__).parent)
_LIBRARY = "/dropscape/"


class Counts:
    """How often each kind was seen, by what and where: ``counts.of("waits")`` is their number."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, kind: str, what: str) -> None:
        """Count one, at the place that the library is at."""
        self._seen[kind][f"{what} at {place()}"] += 1

    def seen(self) -> dict[str, Counter[str]]:
        """What was counted so far, by kind."""
        return {kind: Counter(places) for kind, places in self._seen.items()}

    def repeat(self, work: dict[str, Counter[str]]) -> None:
        """Count what a graph does in one replay."""
        for kind, places in work.items():
            self._seen["replayed" if kind == "calls" else kind].update(places)

    def reset(self) -> None:
        """Forget everything."""
        self._seen.clear()

    def of(self, kind: str, steps: int = 1) -> float:
        """How many of the kind, for each of so many steps."""
        return self._seen[kind].total() / steps

    def places(self, kind: str) -> dict[str, int]:
        """How many of the kind by what and where, most first."""
        return dict(self._seen[kind].most_common())

    def described(self, kind: str, most: int = 40) -> str:
        """The places as text."""
        return "\n".join(f"{number:6d}  {what}" for what, number in list(self.places(kind).items())[:most])


def place() -> str:
    """Where the library is at: the innermost of its lines, ``training/stacked.py:112``; else that of a test.

    A backward pass on a GPU runs in a thread of torch's own, which has no lines: its place is that of the main thread,
    which waits for it.
    """
    frame = sys._getframe(1)
    main = sys._current_frames()[threading.main_thread().ident]
    return _innermost(frame) or _innermost(main) or "torch"


def _innermost(frame: FrameType | None) -> str | None:
    test = None
    while frame is not None:
        file = frame.f_code.co_filename
        if _LIBRARY in file:
            return f"{file.rpartition(_LIBRARY)[2]}:{frame.f_lineno}"
        if test is None and file.startswith(_HERE) and "/test_" in file:
            test = f"{Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back
    return test
