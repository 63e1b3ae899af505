"""Steps that a GPU repeats as one CUDA graph: the processor then launches one graph, not hundreds of kernels."""

import sys
from collections.abc import Callable
from inspect import ismethod
from weakref import WeakMethod

import torch

WARM_UP = 3  # steps before the one that is captured: libraries and optimizers prepare themselves in the first ones


class Replayed:
    """Calls ``step``; on a GPU it is captured once and then replayed.

    So a step has to do the same work each time, on the same tensors, in place: it reads what changes, its number and
    its learning rate, from tensors on the device, and copies nothing from there. What cannot be captured, such as a
    network of somebody's own that waits for a value, is called each time, and says so once. Its graph uses the memory
    of ``others``, which run at other times, and of whose results nothing is read from there later.
    """

    def __init__(self, step: Callable[[], None], device: str | torch.device, *others: "Replayed"):
        # A training that has the method has this too: it must not live until Python collects garbage, with its graph.
        self._step = WeakMethod(step) if ismethod(step) else lambda: step
        self._captures = torch.device(device).type == "cuda"
        # Of warm-up and capture, since memory is kept by stream.
        self._stream = torch.cuda.Stream() if self._captures else None
        self._others = others
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Take one step."""
        if not self._captures:
            self._step()()
        elif self._graph is not None:
            self._graph.replay()
        elif self._calls < WARM_UP:
            self._warm_up()
        else:
            self._capture()
            self()
        self._calls += 1

    def _warm_up(self) -> None:
        """Take the step in a stream of its own, as a capture does."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            self._step()()
        current.wait_stream(self._stream)

    def _capture(self) -> None:
        graph, current = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            pools = [other._graph.pool() for other in self._others if other._graph is not None]
            with torch.cuda.graph(graph, pool=pools[0] if pools else None, stream=self._stream):
                self._step()()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            torch.cuda.set_stream(current)  # where torch does not come back to it by itself
            self._captures = False
            reason = str(error).strip().split("\n")[0]
            print(f"The step cannot be captured as a CUDA graph, so it takes longer: {reason}", file=sys.stderr)
        else:
            self._graph = graph
