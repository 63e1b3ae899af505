"""Compiled steps of several networks side by side, which return now and then to record, to save and to report."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

SECONDS = 0.5  # how long a call should take


def in_threads(function: Callable[[Any], Any], networks: Iterable[Any]) -> list[Any]:
    """Call ``function`` with each network, on as many threads as torch may use."""
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        return list(threads.map(function, networks))


class Pace:
    """Limits how many steps are taken at once, so that they take about ``SECONDS``."""

    def __init__(self) -> None:
        self._steps = 1.0

    def stop(self, step: int, latest: int) -> int:
        """Return the step at which to stop, at most ``latest``."""
        return min(latest, step + max(1, int(self._steps)))

    def run(self, function: Callable[[Any], Any], networks: Iterable[Any], steps: int) -> list[Any]:
        """Call ``function``, which takes ``steps`` steps, with each network, and learn how long that takes."""
        began = time.perf_counter()
        results = in_threads(function, networks)
        taken = time.perf_counter() - began
        self._steps = min(10 * self._steps, steps * SECONDS / max(taken, 1e-9))
        return results
