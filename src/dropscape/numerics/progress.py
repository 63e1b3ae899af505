"""Progress lines of long jobs: one per few per cent, with the step, a value and the time left."""

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Progress:
    """Prints ``name: step 400/8000 (5 %), loss 0.312, 2 min 10 s left`` at most once per five per cent.

    The time left is estimated from the first call on, so a job that resumes from a checkpoint does not seem faster than
    it is. Lines go to ``stream``, by default to standard error.
    """

    SHARE = 0.05

    def __init__(self, name: str, total: int, stream: TextIO | None = None):
        self.name = name
        self.total = total
        self._first: int | None = None
        self._stream = stream

    def __call__(self, done: int, total: int | None = None, **values: float) -> None:
        """Report that ``done`` steps are done, of a new ``total`` if given, and ``values`` by their names."""
        self.total = total or self.total
        if self._first is None:
            self._first = self._printed = done
            self._started = time.monotonic()
            if done > 1:
                self._print(f"goes on from step {done}/{self.total}")
        due = done - self._printed >= self.SHARE * self.total
        if not due and (done < self.total or done == self._printed):
            return
        self._printed = done
        seconds = (time.monotonic() - self._started) / max(done - self._first, 1) * (self.total - done)
        shown = "".join(f", {name.replace('_', ' ')} {value:.4g}" for name, value in values.items())
        percent = 100 * done // self.total
        self._print(f"step {done}/{self.total} ({percent} %){shown}, {duration(seconds)} left")

    def chunk(self, before: int) -> Callable[..., None]:
        """Return a function that reports the steps of a piece of the work, after ``before`` earlier steps."""
        return lambda done, steps, **values: self(before + done, self.total, **values)

    def _print(self, text: str) -> None:
        print(f"{self.name}: {text}", file=self._stream or sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Write a duration for people, such as ``45 s``, ``2 min 10 s`` or ``3 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
