"""A small dataset of 8 x 8 images on disk, and what the stages of an experiment on it read."""

import numpy as np
import pandas as pd
import torch

from dropscape.artifacts.files import read_table
from dropscape.data.dataset import Dataset
from dropscape.data.prepared import write_prepared
from dropscape.jobs import Job, perform

SETTINGS = {
    "data": {"dataset": "mnist", "train_examples": 9, "test_examples": 5, "side": 4},
    "model": {"widths": [4], "activation": "tanh", "initial_scale": None},
    "loss": "mse",
    "seeds": [2, 5],
    "device": "cpu",
}


def dataset() -> Dataset:
    random = np.random.default_rng(0)
    parts = {}
    for part, count in (("train", 12), ("test", 6)):
        parts[f"{part}_images"] = torch.from_numpy(random.integers(256, size=(count, 8, 8), dtype=np.uint8))
        parts[f"{part}_labels"] = torch.from_numpy(random.integers(3, size=count))
    described = {"source": "embedded", "origin": "a test", "label": "a test", "classes": 3, "counts": {}}
    return Dataset("mnist", **parts, description=described)


class Stopped(Exception):
    pass


class Experiment:
    """Runs a stage function in a folder."""

    def __init__(self, folder, stage=None):
        self.folder, self.stage = folder, stage
        self.data = str(folder / "mnist.safetensors")
        self.checkpoints = folder / "checkpoints"
        write_prepared(self.data, folder / "mnist.json", dataset())

    def job(self, settings, *tables: str) -> Job:
        outputs = {name: str(self.folder / f"{name}.csv") for name in tables}
        return Job("equations", "test", settings, {"data": self.data}, outputs, self.checkpoints, 0)

    def run(self, settings, *tables: str) -> list[pd.DataFrame]:
        job = self.job(settings, *tables)
        perform(self.stage, job)
        assert not self.checkpoints.exists(), "checkpoints were left behind"
        return [read_table(job.outputs[name]) for name in tables]


def stopped_at(monkeypatch, module, step: int) -> None:
    """The stage of ``module`` ends with ``Stopped`` when it reports that step."""

    class Stops:
        def __init__(self, *_):
            pass

        def __call__(self, done, *_):
            if done >= step:
                raise Stopped

    monkeypatch.setattr(module, "Progress", Stops)
