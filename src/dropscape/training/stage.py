"""The training stage: one run's parameters and a dataset in; model, snapshots, trajectory and history out."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dropscape.artifacts.files import digest, write_json, write_table, write_tensors
from dropscape.artifacts.provenance import provenance
from dropscape.data.prepared import load_examples
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.numerics.schedules import even_schedule, recording_schedule
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.descent import Descent, train


def descent_of(settings: Mapping[str, Any]) -> Descent:
    """The training that a run's settings describe: flow_time/learning_rate steps, then those of the trajectory."""
    steps = math.ceil(settings["flow_time"] / settings["learning_rate"] - 1e-9) + settings["trajectory_steps"]
    return Descent(
        widths=tuple(settings["model"]["widths"]),
        activation=settings["model"]["activation"],
        block=tuple(settings["block"]),
        keep_prob=settings["keep_prob"],
        dropout_after=settings["dropout_after"],
        mask_mode=settings["mask_mode"],
        learning_rate=settings["learning_rate"],
        steps=steps,
        trajectory_steps=settings["trajectory_steps"],
        recorded=tuple(recording_schedule(steps, settings["recorded_steps"])),
        history=tuple(even_schedule(steps, settings["history_points"])),
        seeds=tuple(settings["seeds"]),
    )


def train_run(
    name: str,
    settings: Mapping[str, Any],
    data: str,
    outputs: Mapping[str, str],
    *,
    code: Sequence[str],
    states: str,
    checkpoint_seconds: float,
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
    """
    descent = descent_of(settings)
    device = chosen_device(settings["device"])
    examples = load_examples(data, settings["data"])
    environment = [device, torch.__version__, torch.get_num_threads()]
    key = digest([dict(settings), examples.description, environment], sorted(code))
    checkpoint = Checkpoint(Path(states) / f"{key}.safetensors", checkpoint_seconds)
    progress = Progress(f"training {name}", descent.steps)
    trained = train(
        descent,
        examples.train_inputs,
        examples.train_targets,
        examples.test_inputs,
        examples.test_targets,
        device=device,
        checkpoint=checkpoint,
        progress=progress,
    )
    record = provenance("training", settings, examples.description, device)
    write_tensors(outputs["model"], trained.parameters, record)
    write_tensors(outputs["snapshots"], trained.snapshots, record | {"steps": list(descent.recorded)})
    trajectory = {} if trained.trajectory is None else {"trajectory": trained.trajectory}
    write_tensors(outputs["trajectory"], trajectory, record)
    write_table(outputs["history"], trained.history)
    write_json(outputs["provenance"], record)
    shutil.rmtree(states, ignore_errors=True)  # with states of other parameters or code, which nothing reads again
