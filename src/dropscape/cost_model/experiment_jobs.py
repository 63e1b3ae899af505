"""What the jobs of a whole experiment cost, by rule: a function of the experiment for each.

A job takes all networks of an experiment, or all of one width.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from dropscape.cost_model.cost import Cost, NetworkPasses, with_start
from dropscape.cost_model.network import NetworkCounts
from dropscape.cost_model.rates import (
    CALLS_OF_METHOD,
    CALLS_OF_ORDER,
    CNN_ACTIVATION,
    CNN_CALLS,
    CNN_DRAWN,
    CNN_MASK_BIT,
    CNN_PARAMETER,
    CNN_PATCH,
    COMPILED_CONVOLUTION_FLOPS,
    COMPILED_WEIGHT_SECONDS,
    FLOAT,
    GPU,
    GRADIENTS_OF_METHOD,
    GRADIENTS_OF_ORDER,
    GRADIENTS_OF_RESPONSE,
    GRADIENTS_OF_TEST_FUNCTIONS,
    PRODUCT_FLOPS,
    SIMULATED,
    SIMULATED_NUMBERS,
)
from dropscape.equations.settings import EquationsSettings
from dropscape.equations.simulation import EQUATIONS, NOISELESS
from dropscape.measurement import StageExperiment
from dropscape.subnetworks.cnn import Shape
from dropscape.subnetworks.cnn_training import GROUP_BYTES, CnnTraining, training_bytes
from dropscape.subnetworks.settings import CnnSettings, DistributionSettings, TwoLayerSettings
from dropscape.subnetworks.two_layer import FLIPPED

CLASSES = 10
SIDE = 28  # pixels of a digit
KERNEL = 25  # weights of a convolution for each pair of channels

# ---- equations


def _simulated(
    experiment: EquationsSettings, gradients: float, calls: float, measurements: float = 0.0, disk: float = 0.0
) -> Cost:
    """A job that takes so many gradients of all training examples and measures so many networks on all examples.

    Its trials are one batch, which takes so many ``calls`` on a GPU.
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
    seconds = NetworkPasses(examples + measured, examples).seconds(network, SIMULATED)
    moved = FLOAT * SIMULATED_NUMBERS * network.activations * (examples + measured)
    gpu = GPU.seconds(network.flops * (3 * examples + measured), moved, calls)
    return with_start("torch", seconds, gpu, 4 * FLOAT * (data.train_examples + data.test_examples) * widths[0], disk)


def _equations(experiment: EquationsSettings) -> Cost:
    asked, data = experiment.trajectories, experiment.data
    trials = len(experiment.seeds) * asked.trials
    steps = sum(point.steps for point in asked.runs.values())
    share = (asked.batch_size or data.train_examples) / data.train_examples
    gradients = {name: share * count for name, count in GRADIENTS_OF_METHOD.items()}
    if asked.samples:
        many = asked.many_samples or 0
        gradients |= {"order_1": share * asked.samples, "order_1_many": share * many}
        gradients["descent"] = many if len(experiment.model.widths) > 1 else GRADIENTS_OF_METHOD["descent"]
    each = sum(gradients[name] for name in asked.methods)
    rows = trials * len(asked.runs) * len(asked.methods) * asked.history_points
    calls = steps * sum(CALLS_OF_METHOD[name] for name in asked.methods)
    return _simulated(experiment, trials * steps * each + _matrices(experiment), calls, rows, 110 * rows)


def _matrices(experiment: EquationsSettings) -> float:
    """How many gradients the matrices along trajectories, and the merging with descent, are worth; in float64."""
    asked, units = experiment.trajectories, experiment.model.widths[0]
    if not asked.matrices:
        return 0.0
    parameters = units * (experiment.data.side**2 + 1 + CLASSES)
    states = asked.trials * len(asked.runs) * asked.matrices.recorded_steps
    steps = sum(asked.matrices.merging_time / rate for rate in asked.matrices.merging_rates)
    keep_probs = len({point.keep_prob for point in asked.runs.values()})
    # A Hessian takes a product with each direction, a covariance of examples all parts of each example's noise.
    matrices = states * parameters * (2 + units * (units + 1) / 6)
    merging = 5 * steps * keep_probs * asked.matrices.merging_trials
    return 2 * len(experiment.seeds) * (matrices + merging)


def _equations_weak_errors(experiment: EquationsSettings) -> Cost:
    asked = experiment.weak_errors
    points = len(asked.keep_probs) * len(asked.learning_rates)
    steps = len(asked.keep_probs) * sum(asked.flow_time / rate for rate in asked.learning_rates)
    orders = [EQUATIONS[method] for method in asked.methods if method not in NOISELESS]
    evaluations = asked.inner_steps * (2 if asked.scheme == "midpoint" else 1)
    each = 1 + 2 * GRADIENTS_OF_RESPONSE + evaluations * sum(GRADIENTS_OF_ORDER[order] for order in orders)
    compared = points * asked.times * GRADIENTS_OF_TEST_FUNCTIONS
    calls = CALLS_OF_METHOD["dropout"] + evaluations * sum(CALLS_OF_ORDER[order] for order in orders)
    gradients = asked.trials * (steps * each + compared)
    if few := asked.few_trials:
        gradients += few.trials * few.repetitions * steps * (2 + sum(GRADIENTS_OF_ORDER[order] for order in orders))
        calls += calls / evaluations
    rows = points * len(asked.methods) * asked.times * 6
    cost = _simulated(experiment, gradients, steps * calls, disk=200 * rows)
    # All trials of dropout and of the equations at all times, in float64, and once more while they are measured.
    parameters = (experiment.data.side**2 + 1 + CLASSES) * experiment.model.widths[0]
    held = 4 * FLOAT * asked.trials * asked.times * (1 + len(orders)) * parameters
    return replace(cost, memory=cost.memory + held)


def _equations_noises(experiment: EquationsSettings) -> Cost:
    asked, methods = experiment.noises, 6
    trials = len(experiment.seeds) * asked.trials
    calls = methods * asked.steps * CALLS_OF_METHOD["dropout"]
    rows = trials * methods * asked.history_points
    gradients = trials * (methods - 1 + asked.mean_samples) * asked.steps
    return _simulated(experiment, gradients, calls, 3 * rows, 90 * rows)


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
    networks = (len(experiment.keep_probs) + 4) * len(experiment.seeds)  # W_1 and V of each seed, and what makes them
    memory = 100e6 + FLOAT * max(experiment.widths) * (inputs * networks + 3 * FLIPPED)
    return with_start("torch", trained + tested, memory=memory, disk=250 * rows)


def _cnn(experiment: CnnSettings) -> Cost:
    networks = len(experiment.keep_probs) * len(experiment.seeds)
    examples, tests = experiment.data.train_examples, experiment.data.test_examples
    passes, steps = experiment.epochs * examples, experiment.epochs * -(-examples // experiment.batch_size)
    features, patches = _feature_work(experiment.channels, experiment.hidden)
    unit, batch = experiment.hidden + 1 + CLASSES, experiment.batch_size
    flops = gpu = drawn = rows = 0.0
    group = GPU.memory * GROUP_BYTES.gpu
    for width in experiment.widths:
        dense = 2 * width * (experiment.hidden + CLASSES)
        tested = experiment.recorded_steps * tests * (features + (3 + experiment.random_masks) * dense)
        trainings = networks * (1 + len(experiment.compared_at(width)))
        flops += (work := trainings * (3 * passes * (features + dense) + tested))
        # On a GPU all units of a group of networks take part in a step.
        moved = steps * width * (CNN_PARAMETER * unit + CNN_MASK_BIT)
        moved += passes * (CNN_ACTIVATION * width + CNN_PATCH * patches)
        held = FLOAT * (3 * width * unit + 4 * width * batch + 4 * patches * batch)
        groups = -(-trainings // max(1, int(group / held)))
        gpu += GPU.seconds(work, FLOAT * trainings * moved, groups * steps * CNN_CALLS, replayed=True)
        drawn += trainings * width * unit * CNN_DRAWN
        rows += trainings * experiment.recorded_steps * (3 + experiment.random_masks)
    memory = max(training_bytes(one, examples, tests) for one in _largest(experiment))
    seconds, gpu_memory = flops / COMPILED_CONVOLUTION_FLOPS, group + memory
    return with_start("torch", seconds, gpu, memory, 60 * rows, drawn, gpu_memory)


def _largest(experiment: CnnSettings) -> list[CnnTraining]:
    """The trainings of one network that hold the most of each width, but for those of narrower networks."""
    settings = (0.0, experiment.batch_size, 1, (), experiment.random_masks)
    return [
        CnnTraining(
            Shape(SIDE, tuple(experiment.channels), experiment.hidden, width, CLASSES),
            (max(experiment.keep_probs),), (0,), *settings, training,
        )
        for width in experiment.widths
        for training in ["dropout", *experiment.compared_at(width)]
        if training != "alone"
    ]  # fmt: skip


def _accuracies(experiment: CnnSettings) -> Cost:
    return with_start("tables", disk=_cnn(experiment).disk)


def _feature_work(channels: Sequence[int], hidden: int) -> tuple[float, float]:
    """Work of two convolutions, of all pixels and of a quarter of them, and of the first dense layer; their patches."""
    first, second = channels
    pooled = ((SIDE // 2 - 4) // 2) ** 2
    products = first * KERNEL * SIDE**2 + first * second * KERNEL * 4 * pooled + second * pooled * hidden
    return 2.0 * products, KERNEL * (SIDE**2 + first * (SIDE // 2) ** 2)


COSTS: dict[str, Callable[[StageExperiment], Cost]] = {
    "equations": _equations,
    "equations_weak_errors": _equations_weak_errors,
    "equations_noises": _equations_noises,
    "subnetworks_distribution": _distribution,
    "subnetworks_two_layer": _two_layer,
    "subnetworks_cnn": _cnn,
    "subnetworks_accuracies": _accuracies,
}
