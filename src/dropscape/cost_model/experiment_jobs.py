"""What the jobs of a whole experiment cost, by rule: a function of the experiment for each.

A job takes all networks of an experiment, or all of one width.
"""

import itertools
from collections.abc import Callable, Sequence

from dropscape.cost_model.cost import Cost, NetworkPasses, with_start
from dropscape.cost_model.network import NetworkCounts
from dropscape.cost_model.rates import (
    COMPILED_CONVOLUTION_FLOPS,
    COMPILED_WEIGHT_SECONDS,
    FLOAT,
    GPU,
    GRADIENTS_OF_METHOD,
    GRADIENTS_OF_ORDER,
    PRODUCT_FLOPS,
    SIMULATED,
)
from dropscape.equations.settings import EquationsSettings
from dropscape.measurement import StageExperiment
from dropscape.subnetworks.settings import CnnSettings, DistributionSettings, TwoLayerSettings

CLASSES = 10
SIDE = 28  # pixels of a digit
KERNEL = 25  # weights of a convolution for each pair of channels

# ---- equations


def _simulated(
    experiment: EquationsSettings, gradients: float, trials: int, measurements: float = 0.0, disk: float = 0.0
) -> Cost:
    """A job that takes so many gradients of all training examples and measures so many networks on all examples.

    Its ``trials`` are one batch.
    """
    data, widths = experiment.data, [experiment.data.side**2, *experiment.model.widths, CLASSES]
    network = NetworkCounts(
        flops=2.0 * sum(m * k for m, k in itertools.pairwise(widths)),
        activations=sum(widths[1:]),
        layers=len(widths) - 1,
        parameters=0,
        block=0,
    )
    examples = gradients * data.train_examples
    measured = measurements * (data.train_examples + data.test_examples)
    passes = NetworkPasses(examples + measured, examples, gradients / trials)
    seconds, gpu = passes.seconds(network, SIMULATED), passes.seconds(network, GPU)
    return with_start("torch", seconds, gpu, 4 * FLOAT * (data.train_examples + data.test_examples) * widths[0], disk)


def _equations(experiment: EquationsSettings) -> Cost:
    asked, data = experiment.trajectories, experiment.data
    trials = len(experiment.seeds) * asked.trials
    steps = trials * sum(point.steps for point in asked.runs.values())
    share = (asked.batch_size or data.train_examples) / data.train_examples
    gradients = GRADIENTS_OF_METHOD | ({"order_1": asked.samples} if asked.samples else {})
    each = sum(gradients[name] for name in asked.methods)
    rows = trials * len(asked.runs) * len(asked.methods) * asked.history_points
    return _simulated(experiment, share * steps * each, trials, rows, 90 * rows)


def _equations_weak_errors(experiment: EquationsSettings) -> Cost:
    asked = experiment.weak_errors
    steps = asked.trials * len(asked.keep_probs) * sum(asked.flow_time / rate for rate in asked.learning_rates)
    evaluations = asked.inner_steps * (2 if asked.scheme == "midpoint" else 1)
    each = 1 + evaluations * sum(GRADIENTS_OF_ORDER[order] for order in asked.orders)
    return _simulated(experiment, steps * each, asked.trials, disk=5e3)


def _equations_noises(experiment: EquationsSettings) -> Cost:
    asked, methods = experiment.noises, 4
    trials = len(experiment.seeds) * asked.trials
    return _simulated(experiment, trials * methods * asked.steps, trials, trials * methods, 200 * trials * methods)


# ---- subnetworks


def _distribution(experiment: TwoLayerSettings) -> Cost:
    return with_start("tables", disk=1e3)


def _two_layer(experiment: TwoLayerSettings) -> Cost:
    fresh = isinstance(experiment.data, DistributionSettings)
    inputs = experiment.data.dimension if fresh else SIDE**2
    weights = inputs * sum(experiment.widths) * len(experiment.keep_probs) * len(experiment.seeds)
    trained = experiment.steps * weights * COMPILED_WEIGHT_SECONDS
    tested = 2 * experiment.recorded_steps * experiment.data.test_examples * weights / PRODUCT_FLOPS
    rows = experiment.recorded_steps * len(experiment.widths) * len(experiment.keep_probs) * len(experiment.seeds)
    memory = 100e6 + FLOAT * inputs * max(experiment.widths) * 4
    return with_start("torch", trained + tested, memory=memory, disk=250 * rows)


def _cnn(experiment: CnnSettings) -> Cost:
    networks = len(experiment.keep_probs) * len(experiment.seeds)
    examples, tests = experiment.data.train_examples, experiment.data.test_examples
    passes = 3 * experiment.epochs * examples
    features = _feature_flops(experiment.channels, experiment.hidden)
    flops = 0.0
    for width in experiment.widths:
        dense = 2 * width * (experiment.hidden + CLASSES)
        tested = experiment.recorded_steps * tests * (features + (2 + experiment.random_masks) * dense)
        flops += networks * (passes * (features + dense) + tested)
    rows = networks * len(experiment.widths) * experiment.recorded_steps * (2 + experiment.random_masks)
    memory = FLOAT * (3 * max(experiment.widths) * experiment.hidden + (examples + tests) * SIDE**2)
    return with_start("torch", flops / COMPILED_CONVOLUTION_FLOPS, flops / GPU.flops, memory, 60 * rows)


def _accuracies(experiment: CnnSettings) -> Cost:
    return with_start("tables", disk=_cnn(experiment).disk)


def _feature_flops(channels: Sequence[int], hidden: int) -> float:
    """Work of two convolutions, of all pixels and of a quarter of them, and of the first dense layer."""
    first, second = channels
    pooled = ((SIDE // 2 - 4) // 2) ** 2
    products = first * KERNEL * SIDE**2 + first * second * KERNEL * 4 * pooled + second * pooled * hidden
    return 2.0 * products


COSTS: dict[str, Callable[[StageExperiment], Cost]] = {
    "equations": _equations,
    "equations_weak_errors": _equations_weak_errors,
    "equations_noises": _equations_noises,
    "subnetworks_distribution": _distribution,
    "subnetworks_two_layer": _two_layer,
    "subnetworks_cnn": _cnn,
    "subnetworks_accuracies": _accuracies,
}
