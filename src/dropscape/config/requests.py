"""What the jobs of a run ask of a scheduler: a GPU, time, memory, and whether they share a submission.

Time and memory follow from passes: one example forwards and backwards through the network. Both are limits and not
forecasts, so they are generous: what is not used is given back. A training that its limit ended goes on from its state,
so that its attempts add up.
"""

import math
from dataclasses import dataclass

from dropscape.config.models import ModelSettings
from dropscape.config.settings import ExperimentSettings
from dropscape.training.roads import road_of


@dataclass(frozen=True)
class Network:
    """A published network: seconds of a pass on one core, MB that it keeps for the gradient, millions of weights."""

    seconds: float
    kept: float
    weights: float


# Measured with torch 2.13 on one server core and rounded up; the transformer's are an estimate.
NETWORKS = {
    "fnn": Network(5e-6, 0.01, 0.042),  # 784-50-50-10
    "vgg9": Network(0.02, 4, 2.8),
    "vgg16": Network(0.025, 6, 15),
    "resnet20": Network(0.004, 3, 0.28),
    "resnet18": Network(0.06, 9, 11),
    "transformer": Network(0.005, 5, 1.5),  # an example is a pair of sentences
    "own": Network(0.06, 9, 15),  # a network of one's own counts as the dearest
}
PUBLISHED_WIDTH = {"vgg9": 1, "vgg16": 1, "resnet20": 16, "resnet18": 64}
PUBLISHED_D_MODEL = 50
BLOCK_WEIGHTS = 2500  # of the papers' blocks, which have 1,000 to 2,500

GPU_SPEED = 50  # times one core; a GPU of ten years ago reaches it
START_MINUTES = 15  # Python, torch and reading data on a busy file system; jobs that compute next to nothing
MARGIN = 2  # for slower machines, and for what is not a pass
MOST_MINUTES = 5 * 24 * 60  # many sites grant no more
SHORT_SECONDS = 300  # up to which a run's jobs, or a measurement, are not worth a submission of their own
BASE_MB = 2000  # torch, and the largest dataset twice while it is read

# The rules that compute where `device` says; the others do so on the processor.
ON_DEVICE = ("training", "sampling", "sampling_ratio", "noise_alignment")


@dataclass(frozen=True)
class Requests:
    """What the jobs of one run ask for.

    Args:
        experiment: the run's.
        run: its name.
        device: what the user wrote: auto, cpu or cuda.
    """

    experiment: ExperimentSettings
    run: str
    device: str

    def device_of(self, rule: str) -> str:
        """Where a rule of the run computes: where the user wrote, or on the processor."""
        compiled = rule == "training" and self._road() == "two_layer"
        return self.device if rule in ON_DEVICE and not compiled else "cpu"

    def gpu(self, rule: str) -> int:
        """How many GPUs; `auto` asks for one too, since whether there is one shows only where the job runs."""
        return int(self.device_of(rule) != "cpu")

    def minutes(self, rule: str, attempt: int) -> int:
        """The limit of a job's time; each further attempt has as much again."""
        minutes = START_MINUTES + MARGIN * self._seconds(rule) / 60
        return min(math.ceil(minutes) * attempt, MOST_MINUTES)

    def mega_bytes(self, attempt: int) -> int:
        """The limit of any job's memory: tensors of the examples, samples, snapshots and one micro-batch."""
        settings, network = self.experiment, NETWORKS[self.experiment.model.name]
        size, seeds = size_of(settings.model), len(settings.seeds)
        readers = [settings.gradients, settings.alignment, settings.ratio]
        # The Hessian and its eigenvectors are of a block too.
        rows = max(settings.training.trajectory_steps, BLOCK_WEIGHTS, *(each.samples for each in readers if each))
        steps = [each.recorded_steps for each in (settings.alignment, settings.condensation) if each]
        return attempt * math.ceil(
            BASE_MB
            + settings.training.micro_batch * network.kept * math.sqrt(size)
            + 4 * seeds * rows * BLOCK_WEIGHTS * 8e-6
            + 2 * seeds * max([1, *steps]) * network.weights * size * 4
        )

    def group(self, rule: str) -> str | None:
        """The kind of submission that the job shares with others; None: it has its own.

        ``short``: all jobs of a run that takes minutes. ``gpu``: a job of minutes with a GPU, apart from what needs
        none and would keep it waiting. ``measurements``: what takes minutes on the processor after a longer run; it
        follows on trainings and samples, which never follow on it. A run that starts at another's end point may follow
        on a longer one, which a shared submission could not wait for: its training stands by itself.
        """
        rules, starts_anew = self._passes(), self.experiment.runs[self.run].start is None
        on_gpu = any(map(self.gpu, rules))
        if starts_anew and not on_gpu and sum(map(self._seconds, rules)) <= SHORT_SECONDS:
            return "short"
        if self._seconds(rule) > SHORT_SECONDS:
            return None
        if rule not in ON_DEVICE:
            return "measurements"
        return "gpu" if starts_anew and self.gpu(rule) else None

    def _seconds(self, rule: str) -> float:
        """What the passes of a rule take."""
        model = self.experiment.model
        seconds = self._passes().get(rule, 0) * NETWORKS[model.name].seconds * size_of(model)
        return seconds if self.device_of(rule) == "cpu" else seconds / GPU_SPEED

    def _passes(self) -> dict[str, float]:
        """How many passes each rule takes, of those that take any."""
        settings, run = self.experiment, self.experiment.runs[self.run]
        seeds = len(settings.seeds)
        examples = run.train_examples or settings.data.train_examples
        all_seeds = examples * seeds
        steps = settings.training.steps or settings.training.flow_time / run.learning_rate
        steps += settings.training.trajectory_steps
        products = 3 if "r2" in run.objective else 1  # a Hessian-vector product besides the gradient
        passes = {"training": steps * (settings.training.batch_size or examples) * seeds * products}
        if settings.gradients or settings.flatness:
            # Of Jacobians one for each output; of products one for each weight of the block.
            passes["curvature"] = all_seeds * (BLOCK_WEIGHTS if settings.model.name == "transformer" else 100)
        if settings.gradients:
            passes["sampling"] = all_seeds * settings.gradients.samples
        if settings.ratio:
            passes["sampling_ratio"] = all_seeds * settings.ratio.samples
        if settings.alignment:
            taken = settings.alignment.recorded_steps * settings.alignment.samples
            passes["noise_alignment"] = all_seeds * taken * len(settings.alignment.keep_probs or [1])
        if settings.flatness:  # of two samples; a search takes a dozen losses, and a loss a third of a pass
            searches = 2 * settings.flatness.directions * len(settings.flatness.factors)
            passes["flatness"] = all_seeds * searches * 12 / 3
        if settings.slices:
            passes["flatness_slices"] = all_seeds * settings.slices.directions * settings.slices.points / 3
        return passes

    def _road(self) -> str:
        settings, run = self.experiment, self.experiment.runs[self.run]
        model = settings.model.model_dump() | (
            {"initial_scale": run.initial_scale} if run.initial_scale is not None else {}
        )
        return road_of(
            settings.training.model_dump()
            | {
                "model": model,
                "loss": settings.loss,
                "objective": run.objective,
                "keep_prob": run.keep_prob,
                "dropout_after": run.dropout_after or settings.dropout.dropout_after,
            }
        )


def size_of(model: ModelSettings) -> float:
    """How many times the work and the weights of the published network the model has."""
    if model.name == "fnn":
        weights = sum(inner * outer for inner, outer in zip(model.widths, model.widths[1:], strict=False))
        return weights / 1e6 / NETWORKS["fnn"].weights
    if model.name == "transformer":
        return (model.d_model / PUBLISHED_D_MODEL) ** 2
    return (model.width / PUBLISHED_WIDTH[model.name]) ** 2 if model.name in PUBLISHED_WIDTH else 1
