"""What the costs of a run's jobs are counted from."""

import itertools
import math
from functools import cached_property
from typing import Any

from dropscape.config.experiment import ExperimentSettings
from dropscape.cost_model.cost import Cost, NetworkPasses, with_start
from dropscape.cost_model.network import NOTHING, NetworkCounts, counted_network
from dropscape.cost_model.rates import FLOAT, GPU, RATES
from dropscape.numerics.memory import SHARE_OF_A_GPU
from dropscape.resolved.run import ResolvedRun
from dropscape.training.objectives import OBJECTIVES

HELD_OVER_KEPT = 1.2  # of a micro-batch: with the gradients of what it keeps, two layers' at a time


class RunWork:
    """The work of a run, from what is resolved of it and the settings of its experiment.

    Attributes:
        settings: of its training.
        model: the settings of its network.
        seeds, examples, test_examples: how many there are.
        samples: how many samples each set of them has, by its name.
    """

    def __init__(self, run: ResolvedRun, experiment: ExperimentSettings):
        self.experiment = experiment
        self.settings = run.training
        self.model = experiment.model
        self.seeds = len(experiment.seeds)
        self.examples = run.train_examples
        self.test_examples = run.training["data"]["test_examples"]
        self.samples = experiment.sample_sizes

    @cached_property
    def network(self) -> NetworkCounts:
        """Counts of its network; LookupError if it is a custom one."""
        return counted_network(self.settings, self.model.input_shape(self.settings["data"]))

    @property
    def flops_from_block(self) -> float:
        """Forward work of one example in a fully-connected network's layers from the block or the dropout on."""
        layer, after = int(self.settings["block"][0].split(".")[1]), self.settings["dropout_after"]
        widths = self.settings["model"]["widths"][min(layer, *(after if isinstance(after, list) else [after, after])) :]
        return 2.0 * sum(m * k for m, k in itertools.pairwise(widths))

    def calls(self, passes: float) -> float:
        """Micro-batches of so many passes over all examples."""
        return passes * -(-self.examples // min(self.settings["micro_batch"], self.examples))

    @property
    def base_memory(self) -> float:
        """Bytes of the examples, of what a micro-batch keeps for its gradient, and of the parameters with moments."""
        inputs = math.prod(self.model.input_shape(self.settings["data"]))
        numbers = (self.examples + self.test_examples) * inputs + 4 * self.network.parameters
        return FLOAT * numbers + min(self.settings["micro_batch"], self.examples) * self._held

    @property
    def _held(self) -> float:
        """Bytes of an example while it is differentiated; R_2 differentiates the gradient as well."""
        return HELD_OVER_KEPT * self.network.kept * (2 if OBJECTIVES[self.settings["objective"]].r2 else 1)

    def seconds(self, passes: NetworkPasses) -> float:
        """What passes take on a core."""
        return passes.seconds(self.network, RATES[self.model.layers_kind])

    def gpu_seconds(self, kind: str, examples: float, batch: int | None = None, **options: Any) -> float:
        """What passes of so many examples take on a GPU, as many of a ``batch`` (None: all) at once as it can hold.

        ``kind`` is a key of ``NetworkCounts.passes``, or ``backward`` for the block's gradient alone, without masks;
        ``options`` are those of ``GpuRate.seconds``.
        """
        fit = GPU.memory / SHARE_OF_A_GPU / self._held
        size = min(max(self.settings["micro_batch"], fit), batch or self.examples)
        passes = self.network.passes
        counts, less = (passes["unmasked"], passes["forward"]) if kind == "backward" else (passes[kind], NOTHING)
        return GPU.seconds(
            (counts.flops - less.flops) * examples,
            (counts.moved - less.moved) * examples,
            (counts.kernels - less.kernels) * examples / size,
            **options,
        )

    def on_either_device(
        self, passes: NetworkPasses, gpu_seconds: float, memory: float = 0.0, disk: float = 0.0
    ) -> Cost:
        """The cost of passes that a GPU may take over, in ``gpu_seconds``."""
        return with_start("torch", self.seconds(passes), gpu_seconds, self.base_memory + memory, disk)
