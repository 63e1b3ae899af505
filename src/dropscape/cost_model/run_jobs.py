"""What the jobs of one run cost, by rule: a function of the run for each."""

from collections.abc import Callable

from dropscape.cost_model.cost import Cost, NetworkPasses, with_start
from dropscape.cost_model.rates import (
    CONDENSED_SNAPSHOT,
    DOUBLE,
    EIGEN_SECONDS,
    FLOAT,
    GPU,
    GRADIENT_CALLS,
    GRADIENT_FLOPS,
    GRADIENTS_OF_NOISE,
    HESSIAN_CALLS,
    LOSS_CALLS,
    LOSS_FLOPS,
    LOSSES_OF_A_DIRECTION,
    LOSSES_OF_A_FACTOR,
    MEASURED_UNIT_SECONDS,
    OPTIMIZER_CALLS,
    OPTIMIZER_NUMBERS,
    PRODUCT_FLOPS,
    STACKED_CALLS,
    STEP_SECONDS,
    UNIT_SECONDS,
)
from dropscape.cost_model.run import RunWork
from dropscape.data.settings import MAX_TOKENS
from dropscape.numerics.devices import sampling_precision
from dropscape.training.backends import has_one_hidden_mask
from dropscape.training.compiled import CompiledTraining
from dropscape.training.objectives import OBJECTIVES
from dropscape.training.stacked import StackedTraining
from dropscape.training.train import training_config

TRANSLATED = 256  # sentences at a time
PREDICTION_BYTES, NUMBERS_BYTES = 9, 72  # of a row of a table: a class, or an input, a target and an output

# ---- training


def _training(run: RunWork) -> Cost:
    config, network = training_config(run.settings), run.network
    numbers = network.parameters * (2 + len(config.recorded)) + config.trajectory_steps * network.block
    kept = FLOAT * run.seeds * numbers
    measurements = run.seeds * len(config.history)
    predicted = PREDICTION_BYTES * run.test_examples
    if run.model.is_fully_connected and run.model.widths[-1] == 1:
        predicted = NUMBERS_BYTES * (run.examples + run.test_examples)
    disk = kept + 120 * measurements + run.seeds * predicted
    batch = getattr(config, "batch_size", None) or run.examples
    if isinstance(config, CompiledTraining):
        neurons = config.widths[1]
        steps = config.steps * run.seeds * neurons * (batch * UNIT_SECONDS + STEP_SECONDS)
        seen = measurements * neurons * (run.examples + run.test_examples) * MEASURED_UNIT_SECONDS
        return with_start("torch", steps + seen, memory=150e6 + kept, disk=disk)  # the compiler's memory
    at_once = batch <= run.settings["micro_batch"]
    each = GRADIENTS_OF_NOISE.get(run.settings.get("noise")) or _gradients_of_step(run.settings["objective"], at_once)
    gradients = run.seeds * config.steps * each
    # Batch norm's statistics are measured anew before anything is.
    looks = 2 if run.settings["ghost_batch_size"] else 1
    stacked, measured = isinstance(config, StackedTraining), measurements * (looks * run.examples + run.test_examples)
    passes = NetworkPasses(
        forward=gradients * batch + measured,
        backward=gradients * batch,
        calls=config.steps if stacked else run.calls(gradients * batch / run.examples),
    )
    if stacked:
        counts = network.passes["training"]
        step = GPU.seconds(
            counts.flops * gradients * batch,
            counts.moved * gradients * batch,
            config.steps * STACKED_CALLS * each,
            replayed=True,
        )
    else:
        updates = run.seeds * config.steps
        moved = FLOAT * OPTIMIZER_NUMBERS * network.parameters * updates
        options = {"precision": config.precision, "replayed": True}
        step = run.gpu_seconds("training", gradients * batch, batch, **options)
        step += GPU.seconds(moved=moved, calls=OPTIMIZER_CALLS * updates, replayed=True)
    on_gpu = step + run.gpu_seconds("forward", measured)
    return run.on_either_device(passes, on_gpu, 2 * kept, disk)  # what is recorded is stacked at the end


def _gradients_of_step(objective: str, at_once: bool) -> int:
    """How many gradients of all examples take as long as a step.

    R_2 takes a gradient under masks, which is that of the loss too where the loss has them, and the product of the
    Hessian with it: one more where all examples were differentiated at once, else two.
    """
    asked = OBJECTIVES[objective]
    if not asked.r2:
        return 1
    return 4 - asked.dropout - at_once


def _training_translation(run: RunWork) -> Cost:
    # One word after the other, each with a pass through what stands before it.
    words = (run.settings["data"]["max_tokens"] or MAX_TOKENS) + 1
    passes = run.seeds * run.test_examples * words
    on_gpu = run.gpu_seconds("forward", passes, batch=TRANSLATED)
    return run.on_either_device(NetworkPasses(passes), on_gpu, disk=100 * run.test_examples)


# ---- sampling


def _gradients(run: RunWork, samples: float) -> tuple[float, float]:
    """Seconds of gradients of the block under fresh masks, without and with a GPU."""
    examples = samples * run.examples
    if has_one_hidden_mask(run.settings):
        flops, moved = 3 * examples * run.flops_from_block, examples * run.network.passes["block"].moved
        return flops / GRADIENT_FLOPS, GPU.seconds(flops, moved, samples * GRADIENT_CALLS)
    passes = NetworkPasses(examples, examples, run.calls(samples))
    precision = sampling_precision(run.settings["precision"])
    return run.seconds(passes), run.gpu_seconds("block", examples, precision=precision)


def _sampling(run: RunWork) -> Cost:
    gradients = run.experiment.gradients
    samples = run.seeds * (gradients.samples + (gradients.held_out or gradients.samples))
    size = FLOAT * samples * run.network.block
    return with_start("torch", *_gradients(run, samples), run.base_memory + size, size)


def _sampling_ratio(run: RunWork) -> Cost:
    samples = run.seeds * run.experiment.ratio.samples
    examples = samples * run.examples
    passes = NetworkPasses(examples, examples, run.calls(samples))
    precision = sampling_precision(run.settings["precision"])
    return run.on_either_device(passes, run.gpu_seconds("block", examples, precision=precision))


# ---- curvature


def _hessian(run: RunWork) -> tuple[float, float]:
    """Seconds of the block's dense Hessian, by the method that ``curvature.hessian`` takes, without and with a GPU."""
    size, n = run.network.block, run.examples
    if run.model.is_fully_connected:  # a quarter of the product of two n x P matrices
        flops = n * size**2 / 2
        return flops / PRODUCT_FLOPS, GPU.seconds(flops, 4 * FLOAT * size**2, HESSIAN_CALLS * n / 10_000)
    if run.model.translates:  # a product with the Hessian for each unit and position
        positions = (run.settings["data"]["max_tokens"] or MAX_TOKENS) + 1
        passes = n * positions * size / run.settings["model"]["d_model"]
        return run.seconds(NetworkPasses(passes, passes)), 2 * run.gpu_seconds("backward", passes)
    rows = (run.settings["model"]["classes"] - 1) * n  # each a backward pass
    products = GPU.seconds(2 * rows * size**2, 2 * FLOAT * rows * size)
    on_gpu = run.gpu_seconds("forward", n) + run.gpu_seconds("backward", rows) + products
    return run.seconds(NetworkPasses(n, rows / 2)) + rows * size**2 / PRODUCT_FLOPS, on_gpu


def _curvature(run: RunWork) -> Cost:
    size = run.network.block
    kept = FLOAT * run.seeds * size**2
    without, on_gpu = _hessian(run)
    without += EIGEN_SECONDS * size**3
    on_gpu += GPU.eigen * size**3 + GPU.seconds(2 * size**3, precision="float64")  # eigenpairs and their residuals
    memory = run.base_memory + kept + 6 * DOUBLE * size**2
    return with_start("torch", run.seeds * without, run.seeds * on_gpu, memory, kept)


# ---- noise


def _principal(samples: int, size: int) -> float:
    """Seconds of all principal directions of so many samples, in float64."""
    least = min(samples, size)
    back = 4 * size * least**2 if samples < size else 0  # from the Gram matrix of the samples to directions
    return EIGEN_SECONDS * least**3 + (2 * samples * size * least + back) / PRODUCT_FLOPS


def _noise_spectrum(run: RunWork) -> Cost:
    size, most, kept = run.network.block, max(run.samples.values()), run.experiment.flatness.directions
    sets = [*run.samples.values()]
    if steps := run.samples.get("trajectory"):  # also without its drift, and a half of it
        sets += [steps, steps // 2]
    seconds = run.seeds * sum(_principal(count, size) for count in sets)
    memory = FLOAT * run.seeds * size * most + DOUBLE * size * (4 * most + 2 * size)
    return with_start("torch", seconds, memory=memory, disk=run.seeds * (len(sets) + 1) * size * (FLOAT * kept + 80))


def _noise_projection(run: RunWork) -> Cost:
    size, most, projected = run.network.block, max(run.samples.values()), run.experiment.projection.samples
    sets = len(run.samples) + ("trajectory" in run.samples)  # also without its drift
    seconds = 4 * run.seeds * sets * min(projected, most) * size**2 / PRODUCT_FLOPS  # and along random ones
    memory = FLOAT * run.seeds * size * (2 * most + size) + 2 * DOUBLE * size * (projected + size)
    return with_start("torch", seconds, memory=memory, disk=70 * run.seeds * sets * size)


def _noise_alignment(run: RunWork) -> Cost:
    alignment, size = run.experiment.alignment, run.network.block
    networks, keep_probs = run.seeds * run.experiment.recorded_steps, len(alignment.keep_probs or [None])
    scatter = keep_probs * alignment.samples * size**2
    hessian, hessian_on_gpu = _hessian(run)
    draws = keep_probs * alignment.mask_draws  # each with a Hessian, and a gradient of each example
    hessians, scatter = 1 + draws, scatter + draws * run.examples * size**2
    without, on_gpu = _gradients(run, networks * keep_probs * (alignment.samples + alignment.mask_draws))
    without += networks * (hessians * hessian + scatter / PRODUCT_FLOPS)
    forward = run.gpu_seconds("forward", run.examples)
    on_gpu += networks * (hessians * hessian_on_gpu + GPU.seconds(2 * scatter) + forward)
    spectra = run.seeds * min(alignment.eigenvector_steps, run.experiment.recorded_steps)
    without += spectra * (EIGEN_SECONDS * size**3 + 4 * keep_probs * alignment.samples * size**2 / PRODUCT_FLOPS)
    on_gpu += spectra * GPU.eigen * size**3
    memory = run.base_memory + DOUBLE * size * ((12 if spectra else 4) * size + 3 * alignment.samples)
    return with_start("torch", without, on_gpu, memory, disk=300 * networks * keep_probs)


def _noise_baseline(run: RunWork) -> Cost:
    size, pairs = run.network.block, run.experiment.alignment.baseline_samples
    # Vectors are drawn in two ways, and multiplied or orthogonalised.
    return with_start("torch", 2 * pairs * size**3 / PRODUCT_FLOPS, memory=4 * FLOAT * size**2, disk=100 * pairs)


# ---- flatness, condensation


def _flatness(run: RunWork) -> Cost:
    flatness = run.experiment.flatness
    # Of gradients and random ones; of a trajectory, without its drift, and of a half of it.
    sets = 2 * ("gradients" in run.samples) + 3 * ("trajectory" in run.samples)
    directions = run.seeds * sets * flatness.directions
    losses = directions * (LOSSES_OF_A_DIRECTION + LOSSES_OF_A_FACTOR * len(flatness.factors))
    held = FLOAT * run.seeds * run.network.block * (run.network.block + 2 * flatness.directions)
    if run.model.is_fully_connected:  # along a direction in one dense layer only what stands behind that layer moves
        flops, moved = losses * run.examples * run.flops_from_block, run.network.passes["forward"].moved
        on_gpu = GPU.seconds(flops, losses * run.examples * moved, losses * LOSS_CALLS)
        return with_start("torch", flops / LOSS_FLOPS, on_gpu, run.base_memory + held, 400 * directions)
    on_gpu = run.gpu_seconds("forward", losses * run.examples)
    return run.on_either_device(NetworkPasses(losses * run.examples), on_gpu, held, 400 * directions)


def _flatness_slices(run: RunWork) -> Cost:
    slices = run.experiment.slices
    # Those of an interval, for each rise, and for each kind of direction a gradient as long as three losses.
    of_widths = len(slices.moved) * (LOSSES_OF_A_DIRECTION + LOSSES_OF_A_FACTOR * len(slices.rises))
    losses = run.seeds * (slices.directions * (slices.points + of_widths) + 3 * len(slices.moved))
    passes = NetworkPasses(losses * run.examples, calls=run.calls(losses))
    rows = run.seeds * slices.directions * (slices.points + 3 * len(slices.moved) * len(slices.rises))
    return run.on_either_device(passes, run.gpu_seconds("forward", losses * run.examples), disk=60 * rows)


def _condensation(run: RunWork) -> Cost:
    snapshots = run.seeds * run.experiment.recorded_steps
    return with_start("torch", snapshots * CONDENSED_SNAPSHOT, memory=60e6, disk=30e3 * snapshots)


COSTS: dict[str, Callable[[RunWork], Cost]] = {
    "training": _training,
    "training_translation": _training_translation,
    "sampling": _sampling,
    "sampling_ratio": _sampling_ratio,
    "curvature": _curvature,
    "noise_spectrum": _noise_spectrum,
    "noise_projection": _noise_projection,
    "noise_alignment": _noise_alignment,
    "noise_baseline": _noise_baseline,
    "flatness": _flatness,
    "flatness_slices": _flatness_slices,
    "condensation": _condensation,
}
