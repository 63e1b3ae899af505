"""Steps that a GPU repeats as one CUDA graph: the processor then launches one graph, not hundreds of kernels."""

import sys
from collections.abc import Callable

import torch

WARM_UP = 3  # steps before the one that is captured: libraries and optimizers prepare themselves in the first ones


class Replayed:
    """Calls ``step``; on a GPU it is captured once and then replayed.

    So a step has to do the same work each time, on the same tensors, in place: it reads what changes, its number and
    its learning rate, from tensors on the device, and copies nothing from there. What cannot be captured, such as a
    network of somebody's own that waits for a value, is called each time, and says so once.
    """

    def __init__(self, step: Callable[[], None], device: str | torch.device):
        self._step = step
        self._captures = torch.device(device).type == "cuda"
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Take one step."""
        if not self._captures:
            self._step()
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
        current, own = torch.cuda.current_stream(), torch.cuda.Stream()
        own.wait_stream(current)
        with torch.cuda.stream(own):
            self._step()
        current.wait_stream(own)

    def _capture(self) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._step()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._captures = False
            reason = str(error).strip().split("\n")[0]
            print(f"The step cannot be captured as a CUDA graph, so it takes longer: {reason}", file=sys.stderr)
        else:
            self._graph = graph
