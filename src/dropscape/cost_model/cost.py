"""The cost of a job, and of passes of examples through a network."""

from dataclasses import dataclass

from dropscape.cost_model.network import NetworkCounts
from dropscape.cost_model.rates import START_BYTES, START_SECONDS, Rate


@dataclass(frozen=True)
class Cost:
    """What one job takes.

    Attributes:
        seconds: from its start to its end on one core, without a GPU.
        gpu_seconds: what of it a GPU works, with a GPU; None where the job uses none.
        beside_seconds: what of it the processor works then, while the GPU waits.
        memory: bytes held at most, in the main memory.
        disk: bytes written.
        gpu_memory: bytes held at most in a GPU's; None: as in the main memory.
    """

    seconds: float
    gpu_seconds: float | None = None
    beside_seconds: float = 0.0
    memory: float = 0.0
    disk: float = 0.0
    gpu_memory: float | None = None

    def elapsed(self, gpu: bool) -> float:
        """Seconds from its start to its end, with or without a GPU."""
        return self.seconds if self.gpu_seconds is None or not gpu else self.gpu_seconds + self.beside_seconds


def with_start(
    kind: str,
    seconds: float = 0.0,
    gpu_seconds: float | None = None,
    memory: float = 0.0,
    disk: float = 0.0,
    beside_seconds: float = 0.0,
    gpu_memory: float | None = None,
) -> Cost:
    """The cost of a job from what it takes beyond its start; ``kind`` is a key of ``START_SECONDS``."""
    start, memory = START_SECONDS[kind], START_BYTES[kind] + memory
    beside = 0.0 if gpu_seconds is None else start + beside_seconds
    return Cost(start + seconds, gpu_seconds, beside, memory, disk, gpu_memory)


@dataclass(frozen=True)
class NetworkPasses:
    """Passes on a processor of single examples through a network; a backward pass is as much work as two forward ones.

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
