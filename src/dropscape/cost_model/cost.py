"""The cost of a job, and of passes of examples through a network."""

from dataclasses import dataclass

from dropscape.cost_model.network import NetworkCounts
from dropscape.cost_model.rates import START_BYTES, START_SECONDS, Rate


@dataclass(frozen=True)
class Cost:
    """What one job takes.

    Attributes:
        seconds: from its start to its end on one core, without a GPU.
        gpu_seconds: the same with a GPU; None where the job uses none.
        memory: bytes held at most, in the main memory.
        disk: bytes written.
    """

    seconds: float
    gpu_seconds: float | None = None
    memory: float = 0.0
    disk: float = 0.0


def with_start(
    kind: str, seconds: float = 0.0, gpu_seconds: float | None = None, memory: float = 0.0, disk: float = 0.0
) -> Cost:
    """The cost of a job from what it takes beyond its start; ``kind`` is a key of ``START_SECONDS``."""
    start = START_SECONDS[kind]
    on_gpu = None if gpu_seconds is None else start + gpu_seconds
    return Cost(start + seconds, on_gpu, START_BYTES[kind] + memory, disk)


@dataclass(frozen=True)
class NetworkPasses:
    """Passes of single examples through a network; a backward pass is as much work as two forward ones.

    They go through in ``calls`` micro-batches.
    """

    forward: float
    backward: float = 0.0
    calls: float = 0.0

    def seconds(self, network: NetworkCounts, rate: Rate) -> float:
        """What they take at a rate."""
        passes = self.forward + 2 * self.backward
        each = network.flops / rate.flops + network.activations * rate.activation
        return passes * each + self.calls * passes / self.forward * network.layers * rate.call
