"""The subnetworks stage, its second rule: the convolutional networks of paper D's section 6."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    Training,
    available_bytes,
    count_steps,
    side_by_side,
)
from dropscape.training.loop import finish_in_turn


def train_cnn(job: Job) -> None:
    """Train every convolutional network of an experiment (paper D, section 6) and test its sub-networks on the way.

    A network is a width of the top hidden layer, a keep probability and a seed. A recorded step t is the number of
    updates so far, and the visited sub-network has the mask that update t + 1 takes.

    Writes ``accuracies``: width, dropped_share (1 - keep_prob), run (the seed), step, network (full | visited | pruned
    | random), mask (the number of a random sub-network's mask, fixed during a run; -1 for the others), accuracy on the
    test examples. ``pruned`` has the keep_prob m units of largest magnitude.

    ``compared`` adds trainings from the same seeds: ``per_example`` with a mask for each example, ``plain`` without
    dropout, ``alone`` of a network of width keep_prob m without dropout, in the rows of the width m. They are in the
    column network as full_per_example, random_per_example, full_plain, random_plain and full_alone.

    A setting that cannot work, or a width that does not fit into the device's memory, is a ConfigurationError before
    the first training starts; a loss that is no longer finite is a DivergenceError.
    """
    device = chosen_device(job.settings["device"])
    examples = load_examples(job.inputs["data"], job.settings["data"])
    images, test_images = _images(examples.train_inputs), _images(examples.test_inputs)
    available = available_bytes(device)
    configs = [
        group
        for of_width in _configs(job.settings, images, examples.description["classes"])
        for config in [of_width, *_compared(of_width, job.settings["compared"])]
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


def _compared(config: CnnTraining, trainings: Sequence[Training]) -> list[CnnTraining]:
    """Make the configurations of the trainings that stand beside those of a width; one for each width."""
    made = []
    for training in trainings:
        if training != "alone":
            made.append(replace(config, training=training))
            continue
        for keep_prob in sorted(set(config.keep_probs)):
            shape = replace(config.shape, width=max(1, round(keep_prob * config.shape.width)))
            seeds = tuple(seed for seed, q in zip(config.seeds, config.keep_probs, strict=True) if q == keep_prob)
            of_width = {"shape": shape, "keep_probs": (keep_prob,) * len(seeds), "seeds": seeds, "random_masks": 0}
            made.append(replace(config, **of_width, training=training, beside=config.shape.width))
    return made


def _images(inputs: Tensor) -> Tensor:
    """Reshape rows (n, side * side) to images (n, 1, side, side)."""
    side = math.isqrt(inputs.shape[-1])
    if inputs.ndim != 2 or not inputs.is_floating_point() or side**2 != inputs.shape[1]:
        raise ConfigurationError(
            f"the convolutional networks of `subnetworks` read square grey images, but the inputs of data.dataset have "
            f"the shape {tuple(inputs.shape[1:])}; write mnist."
        )
    return inputs.reshape(-1, 1, side, side)
