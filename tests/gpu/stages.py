"""Every stage that has a device, on small artifacts that the stages before it made on the processor."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from dropscape.artifacts.files import read_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.curvature.sharpness import measure_sharpness
from dropscape.curvature.stage import measure_hessian
from dropscape.data.dataset import Dataset
from dropscape.data.prepared import write_prepared
from dropscape.equations.noises_stage import measure_noises
from dropscape.equations.stage import simulate_trajectories
from dropscape.equations.weak_errors_stage import measure_weak_errors
from dropscape.errors import ArtifactError
from dropscape.flatness.interpolation_stage import interpolate
from dropscape.flatness.slices_stage import slice_loss
from dropscape.flatness.stage import measure_flatness
from dropscape.jobs import Job, perform, reported
from dropscape.noise.alignment_stage import measure_alignment
from dropscape.noise.spectrum_stage import measure_spectrum
from dropscape.sampling.ratio import measure_ratio
from dropscape.sampling.stage import sample_gradients
from dropscape.subnetworks.cnn_stage import train_cnn
from dropscape.training.stage import train
from tests.gpu.pretended import fresh_flags
from tests.stage_job import SLICES
from tests.training.networks import DESCENT

SEEDS = [0, 4]
RUN = {
    "data": {"dataset": "mnist", "train_examples": 12, "test_examples": 5},
    "model": {"name": "fnn", "widths": [16, 6, 5, 3], "activation": "relu", "initial_scale": None, "output_bias": True},
    "loss": "cross_entropy",
    "label_smoothing": 0.0,
    "block": ["layers.1.weight"],
    "seeds": SEEDS,
    "keep_prob": 0.8,
    "dropout_after": 1,
    "mask_mode": "per_example",
    "micro_batch": 8,
    "precision": "float32",
}
TRAINING = {
    "learning_rate": 0.1,
    "flow_time": None,
    "steps": 6,
    "trajectory_steps": 3,
    "recorded_steps": 4,
    "history_points": 3,
    **DESCENT,
}
LAYERS = {"keep_prob": [0.8, 0.5], "dropout_after": [1, 2]}  # which only the general backend knows
IMAGES = {
    "data": {"dataset": "cifar10", "train_examples": 8, "test_examples": 4},
    "model": {"name": "vgg9", "classes": 3, "width": 1 / 32},
    "block": ["block2.conv1.weight"],
    "learning_rate": 0.01,
    "ghost_batch_size": 4,
    "steps": 3,
    "trajectory_steps": 1,
}
OUTPUTS = ["model", "trained", "snapshots", "trajectory", "history", "predictions"]
EQUATIONS = {
    "data": {"dataset": "mnist", "train_examples": 9, "test_examples": 5, "side": 2},
    "model": {"widths": [4], "activation": "tanh", "initial_scale": None},
    "loss": "mse",
    "seeds": SEEDS,
}
MATRICES = {
    "recorded_steps": 2,
    "leading_directions": 2,
    "merging_rates": [0.1, 0.2, 0.4],
    "merging_time": 0.4,
    "merging_trials": 20,
}
TRAJECTORIES = EQUATIONS | {
    "trials": 2,
    "history_points": 4,
    "runs": {"calm": {"keep_prob": 0.9, "learning_rate": 0.1, "steps": 6}},
}
CNN = {
    "data": {"dataset": "mnist", "train_examples": 20, "test_examples": 9},
    "widths": [8],
    "keep_probs": [0.4],
    "seeds": SEEDS,
    "channels": [2, 3],
    "hidden": 6,
    "learning_rate": 0.05,
    "batch_size": 8,
    "epochs": 2,
    "recorded_steps": 4,
    "random_masks": 3,
    "compared": ["per_example", "plain", "alone"],
}
_MEASURED = {key: RUN[key] for key in ("data", "model", "loss", "label_smoothing", "seeds")}
_BLOCK = _MEASURED | {"block": RUN["block"]}


@dataclass(frozen=True)
class Stage:
    """A stage function with the settings of a job, its inputs among ``Artifacts``, and its outputs."""

    function: Callable[[Job], None]
    rule: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Any]
    outputs: list[str]


_TRAINED = {"data": "grey", "model": "trained"}
STAGES = {
    "training, stacked": Stage(train, "training", RUN | TRAINING, {"data": "grey"}, OUTPUTS),
    "training, general": Stage(
        train, "training", RUN | TRAINING | LAYERS | {"optimizer": "adam"}, {"data": "grey"}, OUTPUTS
    ),
    "training, images": Stage(train, "training", RUN | TRAINING | IMAGES, {"data": "colours"}, OUTPUTS),
    "sampling": Stage(sample_gradients, "sampling", RUN | {"samples": 4, "held_out": 2}, _TRAINED, ["gradients"]),
    "sampling of any network": Stage(
        sample_gradients, "sampling", RUN | LAYERS | {"samples": 4, "held_out": 2}, _TRAINED, ["gradients"]
    ),
    "sampling of images": Stage(
        sample_gradients,
        "sampling",
        RUN | IMAGES | {"samples": 3, "held_out": 2},
        {"data": "colours", "model": "trained_on_images"},
        ["gradients"],
    ),
    "ratio": Stage(measure_ratio, "sampling_ratio", RUN | {"samples": 4}, _TRAINED, ["ratios"]),
    "alignment": Stage(
        measure_alignment,
        "noise_alignment",
        RUN | {"samples": 6, "keep_probs": [0.8, 0.5], "mask_draws": 1, "eigenvector_steps": 2},
        {"data": "grey", "snapshots": "snapshots"},
        ["alignment"],
    ),
    "curvature": Stage(measure_hessian, "curvature", _BLOCK, _TRAINED, ["hessian", "summary"]),
    "flatness": Stage(
        measure_flatness,
        "flatness_interval",
        _BLOCK | {"factors": [2.0, 1.5], "max_width": 1e6},
        _TRAINED | {"directions": "directions", "hessian": "hessian"},
        ["interval"],
    ),
    "slices": Stage(
        slice_loss,
        "flatness_slices",
        _MEASURED | SLICES,
        _TRAINED,
        ["slices", "slice_widths"],
    ),
    "sharpness": Stage(
        measure_sharpness,
        "curvature_sharpness",
        _MEASURED
        | {"runs": {"one": {"data": RUN["data"], "keep_prob": 0.5, "dropout_after": 1}}, "model": RUN["model"]},
        {"data": "grey", "snapshots": ["snapshots"]},
        ["sharpness"],
    ),
    "interpolations": Stage(
        interpolate,
        "flatness_interpolations",
        _MEASURED | {"pairs": [["one", "other"]], "points": 9, "runs": ["one", "other"]},
        {"data": "grey", "models": ["trained", "trained_differently"]},
        ["interpolations"],
    ),
    "trajectories": Stage(
        simulate_trajectories,
        "equations",
        TRAJECTORIES
        | {"methods": ["dropout", "dropout_again", "order_1", "order_2", "descent"]}
        | {"batch_size": None, "samples": None, "many_samples": None}
        | {"matrices": MATRICES},
        {"data": "grey"},
        ["trajectories", "divergences", "matrices", "merging"],
    ),
    "sampled trajectories": Stage(
        simulate_trajectories,
        "equations",
        TRAJECTORIES
        | {"methods": ["dropout", "order_1", "order_1_many", "descent"]}
        | {"batch_size": 3, "samples": 4, "many_samples": 6, "matrices": None}
        | {"model": EQUATIONS["model"] | {"widths": [4, 3]}},
        {"data": "grey"},
        ["trajectories", "divergences", "matrices", "merging"],
    ),
    "weak errors": Stage(
        measure_weak_errors,
        "equations_weak_errors",
        EQUATIONS
        | {
            "methods": ["order_1", "order_2", "drift_2", "descent"],
            "keep_probs": [0.7, 0.8],
            "learning_rates": [0.1, 0.2],
        }
        | {"flow_time": 0.4, "times": 2, "trials": 5, "inner_steps": 2, "scheme": "midpoint"}
        | {"few_trials": {"trials": 2, "repetitions": 3}},
        {"data": "grey"},
        ["weak_errors", "few_trials"],
    ),
    "noises": Stage(
        measure_noises,
        "equations_noises",
        EQUATIONS
        | {"learning_rate": 0.3, "steps": 4, "trials": 2, "keep_prob": 0.7, "batch_size": 3, "parameter_noise": 0.2}
        | {"mean_samples": 3, "history_points": 3},
        {"data": "grey"},
        ["noises"],
    ),
    "sub-networks": Stage(train_cnn, "subnetworks_cnn", CNN, {"data": "digits"}, ["accuracies"]),
}


def run_stage(
    stage: Stage, device: str, inputs: Mapping[str, Any], folder: Path, seconds: float = 1e9
) -> dict[str, Any]:
    """Run a stage as a job of the workflow runs it, flags of torch included; return what it wrote by output.

    ``seconds`` is how often it saves its state, in ``folder``, where another run goes on.
    """
    settings = {**stage.settings, "device": device}
    outputs = {name: str(folder / name) for name in stage.outputs}
    job = Job(stage.rule, "test", settings, inputs, outputs, folder / "checkpoints", seconds)
    with fresh_flags(), reported(f"{stage.rule} test", str(folder / "log")):
        perform(stage.function, job)
    return {name: _read(path) for name, path in outputs.items()}


def _read(path: str) -> Any:
    try:
        return read_tensors(path)[0]
    except ArtifactError:
        return read_table(path)


class Artifacts:
    """Small artifacts in a folder, each made when it is first asked for."""

    def __init__(self, folder: Path):
        self.folder = folder

    def of(self, stage: Stage) -> dict[str, Any]:
        """The paths of the inputs of a stage."""
        return {
            name: [str(getattr(self, one)) for one in wanted]
            if isinstance(wanted, list)
            else str(getattr(self, wanted))
            for name, wanted in stage.inputs.items()
        }

    def _made(self, stage: Stage, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        run_stage(stage, "cpu", self.of(stage), folder)
        return folder

    @cached_property
    def grey(self) -> Path:
        return self._images("grey", "mnist", (4, 4))

    @cached_property
    def digits(self) -> Path:
        return self._images("digits", "mnist", (12, 12))

    @cached_property
    def colours(self) -> Path:
        return self._images("colours", "cifar10", (3, 32, 32))

    @cached_property
    def _run(self) -> Path:
        return self._made(STAGES["training, stacked"], "run")

    @property
    def trained(self) -> Path:
        return self._run / "model"

    @property
    def snapshots(self) -> Path:
        return self._run / "snapshots"

    @cached_property
    def trained_differently(self) -> Path:
        return self._made(STAGES["training, general"], "another run") / "model"

    @cached_property
    def trained_on_images(self) -> Path:
        return self._made(STAGES["training, images"], "run on images") / "model"

    @cached_property
    def gradients(self) -> Path:
        return self._made(STAGES["sampling"], "sampled") / "gradients"

    @cached_property
    def hessian(self) -> Path:
        return self._made(STAGES["curvature"], "curvature") / "hessian"

    @cached_property
    def directions(self) -> Path:
        settings = {"samples": ["gradients"], "seeds": SEEDS, "directions": 3}
        inputs, outputs = {"gradients": "gradients"}, ["spectrum", "drift", "directions"]
        return self._made(Stage(measure_spectrum, "noise_spectrum", settings, inputs, outputs), "noise") / "directions"

    def _images(self, name: str, dataset: str, shape: tuple[int, ...]) -> Path:
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(256, (30, *shape), dtype=torch.uint8, generator=generator)
        labels = torch.randint(3, (30,), generator=generator)
        described = {"source": "embedded", "origin": "made here", "classes": 3, "label": name, "dataset": dataset}
        made = Dataset(dataset, images[:20], labels[:20], images[20:], labels[20:], described)
        write_prepared(self.folder / name, self.folder / f"{name}.json", made)
        return self.folder / name
