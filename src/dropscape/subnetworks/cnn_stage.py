"""The subnetworks stage, its second rule: the convolutional networks of paper D's section 6."""

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.data.prepared import load_examples
from dropscape.errors import ConfigurationError
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.numerics.schedules import recording_schedule
from dropscape.subnetworks import cnn_training
from dropscape.subnetworks.cnn import Shape
from dropscape.subnetworks.cnn_training import Cnn, steps_of_epochs
from dropscape.subnetworks.memory import available_bytes, bytes_of_training, refuse_too_wide
from dropscape.subnetworks.parts import part_of, state_key
from dropscape.training.checkpoint import Checkpoint


def train_cnn(
    name: str,
    settings: Mapping[str, Any],
    data: str,
    written: Mapping[str, str],
    *,
    code: Sequence[str],
    states: str,
    checkpoint_seconds: float,
) -> None:
    """Train every convolutional network of an experiment (paper D, section 6) and test its sub-networks on the way.

    A network is a width of the top hidden layer, a keep probability and a seed. A recorded step t is the number of
    updates so far, and the visited sub-network has the mask that update t + 1 takes.

    Writes ``accuracies``: width, dropped_share (1 - keep_prob), run (the seed), step, network (full | visited |
    random), mask (the number of a random sub-network's mask, fixed during a run; -1 for the others), accuracy on the
    test examples.

    Args:
        name: of the experiment, for the progress lines.
        settings: widths, keep_probs, seeds, channels (of the two convolutions), hidden (width of the first dense
            layer), learning_rate, batch_size, epochs, recorded_steps, random_masks (0 for none), device; data as
            ``load_examples`` takes it: ``dataset``, ``train_examples``, ``test_examples`` and ``normalisation``, with
            whose "channel" a learning rate of 0.01 takes hold within hundreds of steps, with "unit" within thousands.
        data: the prepared dataset of grey images.
        written: paths of ``accuracies`` and ``provenance``.
        code: the module files that decide the result; part of the state files' key.
        states: folder of the experiment's state files, removed when it is written.
        checkpoint_seconds: how often the state is saved.

    Raises:
        ConfigurationError: a setting that cannot work, or a width that does not fit into the device's memory; said
            before the first training starts.
        DivergenceError: a loss left the finite numbers.
    """
    device = chosen_device(settings["device"])
    examples = load_examples(data, settings["data"])
    train = _images(examples.train_inputs), examples.train_targets
    test = _images(examples.test_inputs), examples.test_targets
    plans = _plans(settings, train[0], examples.description["classes"])
    _refuse_too_wide(plans, len(train[0]), len(test[0]), device)
    key = state_key(settings, examples.description, device, code)
    total = sum(plan.steps for plan in plans)
    progress = Progress(f"subnetworks {name}", total)
    tables, done = [], 0
    for number, plan in enumerate(plans):
        table = cnn_training.train(
            plan,
            *train,
            *test,
            device=device,
            checkpoint=Checkpoint(Path(states) / f"{key}-{number}.safetensors", checkpoint_seconds),
            progress=part_of(progress, done, total),
        )
        tables.append(table)
        done += plan.steps
    write_table(written["accuracies"], pd.concat(tables))
    write_json(written["provenance"], provenance("subnetworks", settings, examples.description, device))
    shutil.rmtree(states, ignore_errors=True)


def _plans(settings: Mapping[str, Any], images: Tensor, classes: int) -> list[Cnn]:
    """Every network of the experiment."""
    steps = steps_of_epochs(settings["epochs"], len(images), settings["batch_size"])
    plan = Cnn(
        shape=Shape(images.shape[-1], tuple(settings["channels"]), settings["hidden"], settings["widths"][0], classes),
        keep_prob=settings["keep_probs"][0],
        seed=settings["seeds"][0],
        learning_rate=settings["learning_rate"],
        batch_size=settings["batch_size"],
        steps=steps,
        recorded=tuple(recording_schedule(steps, settings["recorded_steps"])),
        random_masks=settings["random_masks"],
    )
    return [
        replace(plan, shape=replace(plan.shape, width=width), keep_prob=keep_prob, seed=seed)
        for width in settings["widths"]
        for keep_prob in settings["keep_probs"]
        for seed in settings["seeds"]
    ]


def _images(inputs: Tensor) -> Tensor:
    """Rows (n, side * side) as images (n, 1, side, side).

    Raises:
        ConfigurationError: they are no square grey images.
    """
    side = math.isqrt(inputs.shape[-1])
    if inputs.ndim != 2 or not inputs.is_floating_point() or side**2 != inputs.shape[1]:
        raise ConfigurationError(
            f"the convolutional networks of `subnetworks` read square grey images, but the inputs of data.dataset have "
            f"the shape {tuple(inputs.shape[1:])}; write mnist."
        )
    return inputs.reshape(-1, 1, side, side)


def _refuse_too_wide(plans: Sequence[Cnn], train_examples: int, test_examples: int, device: str) -> None:
    available = available_bytes(device)
    for plan in plans:
        needed = bytes_of_training(
            plan.shape, plan.keep_prob, plan.batch_size, train_examples, test_examples, plan.random_masks + 2
        )
        refuse_too_wide(plan.shape.width, needed, available, device)
