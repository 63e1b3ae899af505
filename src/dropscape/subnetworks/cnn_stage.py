"""The subnetworks stage, its second rule: the convolutional networks of paper D's section 6."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from torch import Tensor

from dropscape.artifacts.files import write_table
from dropscape.data.prepared import load_examples
from dropscape.errors import ConfigurationError
from dropscape.jobs import Job
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.schedules import recording_schedule
from dropscape.subnetworks.cnn import Shape
from dropscape.subnetworks.cnn_training import (
    CnnRun,
    CnnTraining,
    available_bytes,
    count_steps,
    side_by_side,
)
from dropscape.training.loop import finish_in_turn


def train_cnn(job: Job) -> None:
    """Train every convolutional network of an experiment (paper D, section 6) and test its sub-networks on the way.

    A network is a width of the top hidden layer, a keep probability and a seed. A recorded step t is the number of
    updates so far, and the visited sub-network has the mask that update t + 1 takes.

    Writes ``accuracies``: width, dropped_share (1 - keep_prob), run (the seed), step, network (full | visited |
    random), mask (the number of a random sub-network's mask, fixed during a run; -1 for the others), accuracy on the
    test examples.

    A setting that cannot work, or a width that does not fit into the device's memory, is a ConfigurationError before
    the first training starts; a loss that is no longer finite is a DivergenceError.
    """
    device = chosen_device(job.settings["device"])
    examples = load_examples(job.inputs["data"], job.settings["data"])
    images, test_images = _images(examples.train_inputs), _images(examples.test_inputs)
    available = available_bytes(device)
    configs = [
        group
        for config in _configs(job.settings, images, examples.description["classes"])
        for group in side_by_side(config, len(images), len(test_images), device, available)
    ]
    train = images.to(device), examples.train_targets.to(device)
    test = test_images.to(device), examples.test_targets.to(device)
    tables = finish_in_turn(job, configs, lambda config: CnnRun(config, train, test), examples.description, device)
    write_table(job.outputs["accuracies"], pd.concat(tables))
    job.provenance(examples.description, device)


def _configs(settings: Mapping[str, Any], images: Tensor, classes: int) -> list[CnnTraining]:
    """Make the configuration of all networks of each width."""
    keep_probs, seeds = zip(*itertools.product(settings["keep_probs"], settings["seeds"]), strict=True)
    steps = count_steps(settings["epochs"], len(images), settings["batch_size"])
    return [
        CnnTraining(
            shape=Shape(images.shape[-1], tuple(settings["channels"]), settings["hidden"], width, classes),
            keep_probs=keep_probs,
            seeds=seeds,
            learning_rate=settings["learning_rate"],
            batch_size=settings["batch_size"],
            steps=steps,
            recorded=tuple(recording_schedule(steps, settings["recorded_steps"])),
            random_masks=settings["random_masks"],
        )
        for width in settings["widths"]
    ]


def _images(inputs: Tensor) -> Tensor:
    """Reshape rows (n, side * side) to images (n, 1, side, side)."""
    side = math.isqrt(inputs.shape[-1])
    if inputs.ndim != 2 or not inputs.is_floating_point() or side**2 != inputs.shape[1]:
        raise ConfigurationError(
            f"the convolutional networks of `subnetworks` read square grey images, but the inputs of data.dataset have "
            f"the shape {tuple(inputs.shape[1:])}; write mnist."
        )
    return inputs.reshape(-1, 1, side, side)
