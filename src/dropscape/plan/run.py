"""One run of an experiment, with all that its jobs' costs are counted from."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dropscape.config.of_run import training_settings
from dropscape.config.settings import ExperimentSettings, Settings
from dropscape.plan.cost import Cost, Passes, started
from dropscape.plan.network import IMAGE, Network, network_of
from dropscape.plan.rates import FLOAT, GPU, RATES, Rate


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        experiment: that it belongs to.
        settings: of its training, as the workflow gives them.
        seeds: how many.
        examples, test_examples: how many of either.
    """

    experiment: ExperimentSettings
    settings: Mapping[str, Any] = field(repr=False)
    seeds: int
    examples: int
    test_examples: int

    @cached_property
    def network(self) -> Network:
        """Counts of its network.

        Raises:
            LookupError: it is a network of the user's own.
        """
        return network_of(self.settings)

    @property
    def kind(self) -> str:
        """The name of its network."""
        return self.settings["model"]["name"]

    @property
    def rate(self) -> Rate:
        """Of its network on one core."""
        return RATES[self.kind]

    @property
    def samples(self) -> list[int]:
        """How many samples each set of them has: of the trajectory, of gradients."""
        gradients = self.experiment.gradients
        counts = (self.settings["trajectory_steps"], gradients.samples if gradients else 0)
        return [count for count in counts if count]

    @property
    def moved_flops(self) -> float:
        """Of a fully-connected network's layers from the block or the dropout on, for one example."""
        layer, after = int(self.settings["block"][0].split(".")[1]), self.settings["dropout_after"]
        widths = self.settings["model"]["widths"][min(layer, *(after if isinstance(after, list) else [after, after])) :]
        return 2.0 * sum(m * k for m, k in itertools.pairwise(widths))

    def calls(self, passes: float) -> float:
        """Micro-batches of so many passes over all examples."""
        return passes * -(-self.examples // min(self.settings["micro_batch"], self.examples))

    @property
    def held(self) -> float:
        """Bytes of the examples, of what a micro-batch keeps for its gradient, and of the parameters with moments."""
        inputs = self.settings["model"]["widths"][0] if self.kind == "fnn" else IMAGE[0] * IMAGE[1] * IMAGE[2]
        kept = 2 * min(self.settings["micro_batch"], self.examples) * self.network.activations
        return FLOAT * ((self.examples + self.test_examples) * inputs + kept + 4 * self.network.parameters)

    def on_either_device(self, passes: Passes, memory: float = 0.0, disk: float = 0.0) -> Cost:
        """The cost of passes that a GPU may take over."""
        seconds, gpu = passes.seconds(self.network, self.rate), passes.seconds(self.network, GPU)
        return started("torch", seconds, gpu, self.held + memory, disk)

    def on_the_processor(self, passes: Passes, memory: float = 0.0, disk: float = 0.0) -> Cost:
        """The cost of passes that no GPU takes over."""
        return started("torch", passes.seconds(self.network, self.rate), None, self.held + memory, disk)


def run_of(settings: Settings, wildcards: Mapping[str, str]) -> Run:
    """The run that a job's wildcards name."""
    experiment = settings.experiment(wildcards["experiment"])
    training = training_settings(experiment, wildcards["run"], settings.user.device)
    data = training["data"]
    return Run(experiment, training, len(training["seeds"]), data["train_examples"], data["test_examples"])
