"""The training stage: one run's parameters and a dataset in; model, snapshots, trajectory and history out."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dropscape.artifacts.files import digest, write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.data.prepared import load_examples
from dropscape.models.registry import fitted, keep_probs
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.numerics.schedules import even_schedule, recording_schedule
from dropscape.training import descent, full_batch, two_layer
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.descent import Descent
from dropscape.training.full_batch import FullBatch
from dropscape.training.learning_rates import LearningRate
from dropscape.training.roads import road_of
from dropscape.training.two_layer import TwoLayer


def plan_of(settings: Mapping[str, Any]) -> Descent | TwoLayer | FullBatch:
    """The training that a run's settings describe, on its road (``roads``)."""
    return {"descent": descent_of, "two_layer": two_layer_of, "full_batch": full_batch_of}[road_of(settings)](settings)


def two_layer_of(settings: Mapping[str, Any]) -> TwoLayer:
    """The compiled training of a run's settings."""
    model, scale = settings["model"], settings["model"]["initial_scale"]
    own = ("keep_prob", "learning_rate", "objective", "optimizer", "batch_size")
    return TwoLayer(
        widths=tuple(model["widths"]),
        activation=model["activation"],
        initial_scale=None if scale is None else tuple(scale),
        output_bias=model["output_bias"],
        **{key: settings[key] for key in own},
        **_common(settings),
    )


def descent_of(settings: Mapping[str, Any]) -> Descent:
    """The stacked training of a run's settings."""
    return Descent(
        widths=tuple(settings["model"]["widths"]),
        activation=settings["model"]["activation"],
        keep_prob=settings["keep_prob"],
        dropout_after=settings["dropout_after"],
        learning_rate=settings["learning_rate"],
        **_common(settings),
    )


def full_batch_of(settings: Mapping[str, Any]) -> FullBatch:
    """The general training of a run's settings."""
    own = ("loss", "label_smoothing", "objective", "penalty", "optimizer", "momentum", "batch_size", "micro_batch")
    own += ("norm_group", "precision")
    learning_rate = LearningRate(
        base=settings["learning_rate"],
        milestones=tuple(settings["milestones"]),
        decay=settings["decay"],
        warmup_steps=settings["warmup_steps"],
        d_model=settings["model"].get("d_model", 1),
    )
    return FullBatch(
        model=settings["model"],
        keep_prob=keep_probs(settings),
        learning_rate=learning_rate,
        **{key: settings[key] for key in own},
        **_common(settings),
    )


def _common(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What both kinds share: ``steps``, or flow_time/learning_rate of them, and then those of the trajectory."""
    steps = settings["steps"] or math.ceil(settings["flow_time"] / settings["learning_rate"] - 1e-9)
    steps += settings["trajectory_steps"]
    return {
        "block": tuple(settings["block"]),
        "mask_mode": settings["mask_mode"],
        "steps": steps,
        "trajectory_steps": settings["trajectory_steps"],
        "recorded": tuple(recording_schedule(steps, settings["recorded_steps"])),
        "history": tuple(even_schedule(steps, settings["history_points"])),
        "seeds": tuple(settings["seeds"]),
    }


def train_run(
    name: str,
    settings: Mapping[str, Any],
    data: str,
    outputs: Mapping[str, str],
    *,
    code: Sequence[str],
    states: str,
    checkpoint_seconds: float,
    start: str | None = None,
) -> None:
    """Train one run and write its artifacts.

    Args:
        name: of the run, for the progress lines.
        settings: the run's parameters as the workflow gives them.
        data: the prepared dataset.
        outputs: paths of model, snapshots, trajectory, history and provenance.
        code: the module files that decide the result; part of the state file's key.
        states: folder of the run's state files, removed when the run is written.
        checkpoint_seconds: how often the state is saved.
        start: the model file of another run of the same seeds, at whose end point this one starts; None starts at the
            initialisation.
    """
    device = chosen_device(settings["device"])
    examples = load_examples(data, settings["data"])
    plan = plan_of({**settings, "model": fitted(settings["model"], examples.description)})
    train = {Descent: descent.train, TwoLayer: two_layer.train, FullBatch: full_batch.train}[type(plan)]
    environment = [device, torch.__version__, torch.get_num_threads()]
    key = digest([dict(settings), examples.description, environment], [*sorted(code), *([start] if start else [])])
    checkpoint = Checkpoint(Path(states) / f"{key}.safetensors", checkpoint_seconds)
    progress = Progress(f"training {name}", plan.steps)
    trained = train(
        plan,
        examples.train_inputs,
        examples.train_targets,
        examples.test_inputs,
        examples.test_targets,
        start=read_tensors(start)[0] if start else None,
        device=device,
        checkpoint=checkpoint,
        progress=progress,
    )
    record = provenance("training", settings, examples.description, device)
    write_tensors(outputs["model"], trained.parameters, record)
    write_tensors(outputs["snapshots"], trained.snapshots, record | {"steps": list(plan.recorded)})
    trajectory = {} if trained.trajectory is None else {"trajectory": trained.trajectory}
    write_tensors(outputs["trajectory"], trajectory, record)
    write_table(outputs["history"], trained.history)
    write_json(outputs["provenance"], record)
    shutil.rmtree(states, ignore_errors=True)  # with states of other parameters or code, which nothing reads again
