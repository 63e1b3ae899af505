"""Stages as the workflow runs them, in the test's process, and the small files that they read."""

import torch

from dropscape.artifacts.tensors import write_tensors
from dropscape.data.dataset import Dataset
from dropscape.data.prepared import write_prepared
from dropscape.jobs import Job, perform

# What ``write_tiny_images`` is read with, and a network that fits it.
TINY_RUN = {
    "device": "cpu",
    "data": {"dataset": "mnist", "train_examples": 12, "test_examples": 5},
    "model": {"name": "fnn", "widths": [16, 6, 5, 3], "activation": "relu"},
    "loss": "cross_entropy",
    "label_smoothing": 0.0,
    "seeds": [0, 4],
}
SLICES = {
    "directions": 2,
    "points": 5,
    "extent": 1.0,
    "rises": [0.05, 0.02],
    "of_zero_output": False,
    "moved": ["weights", "all"],
    "max_width": 100.0,
}


def run_stage(stage, rule, settings, inputs, outputs, name="run"):
    """Run a stage; return the last record that it made, which the workflow writes to the output ``provenance``."""
    job = Job(rule, name, settings, inputs, outputs)
    perform(stage, job)
    return job._records[-1] if job._records else None


def write_tiny_images(path):
    """Write a prepared dataset of 12 training and 5 test images, 4 x 4 in three classes; return the dataset."""
    generator = torch.Generator().manual_seed(0)
    description = {"dataset": "mnist", "source": "embedded", "origin": "made here", "classes": 3, "label": "tiny"}
    images = torch.randint(256, (17, 4, 4), dtype=torch.uint8, generator=generator)
    labels = torch.randint(3, (17,), generator=generator)
    dataset = Dataset("mnist", images[:12], labels[:12], images[12:], labels[12:], description)
    write_prepared(path, path.with_suffix(".json"), dataset)
    return dataset


def write_networks(path, states):
    """Write the state dicts of a run's seeds as its training does; return the path as text."""
    write_tensors(path, {name: torch.stack([state[name] for state in states]) for name in states[0]}, {})
    return str(path)
