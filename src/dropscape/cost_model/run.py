"""What the costs of a run's jobs are counted from."""

import itertools
import math
from functools import cached_property

from dropscape.config.experiment import ExperimentSettings
from dropscape.cost_model.cost import Cost, NetworkPasses, with_start
from dropscape.cost_model.network import NetworkCounts, counted_network
from dropscape.cost_model.rates import FLOAT, GPU, RATES
from dropscape.resolved.run import ResolvedRun


class RunWork:
    """The work of a run, from what is resolved of it and the settings of its experiment.

    Attributes:
        settings: of its training.
        model: the settings of its network.
        seeds, examples, test_examples: how many there are.
        samples: how many samples each set of them has.
    """

    def __init__(self, run: ResolvedRun, experiment: ExperimentSettings):
        self.experiment = experiment
        self.settings = run.training
        self.model = experiment.model
        self.seeds = len(experiment.seeds)
        self.examples = run.train_examples
        self.test_examples = run.training["data"]["test_examples"]
        self.samples = list(experiment.sample_sizes.values())

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
        kept = 2 * min(self.settings["micro_batch"], self.examples) * self.network.activations
        return FLOAT * ((self.examples + self.test_examples) * inputs + kept + 4 * self.network.parameters)

    def seconds(self, passes: NetworkPasses) -> tuple[float, float]:
        """What passes take without and with a GPU."""
        return passes.seconds(self.network, RATES[self.model.layers_kind]), passes.seconds(self.network, GPU)

    def on_either_device(self, passes: NetworkPasses, memory: float = 0.0, disk: float = 0.0) -> Cost:
        """The cost of passes that a GPU may take over."""
        return with_start("torch", *self.seconds(passes), self.base_memory + memory, disk)

    def on_the_cpu(self, passes: NetworkPasses, memory: float = 0.0, disk: float = 0.0) -> Cost:
        """The cost of passes that no GPU takes over."""
        return with_start("torch", self.seconds(passes)[0], None, self.base_memory + memory, disk)
