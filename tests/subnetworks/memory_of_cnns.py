"""Prints the forecast of trainings and their measured peak extra memory (bytes) by width, as json."""

import json
import tempfile
from pathlib import Path

import torch

from benchmarks.harness import MIB, peak_memory_mib
from dropscape.subnetworks.cnn import Shape
from dropscape.subnetworks.cnn_training import CnnRun, CnnTraining, training_bytes
from dropscape.training.checkpoint import Checkpoint


def main():
    torch.set_num_threads(1)
    found = {}
    generator = torch.Generator().manual_seed(0)
    for width, masks in ((1_000, 50), (20_000, 0)):
        shape = Shape(28, (6, 16), 120, width, 10)
        config = CnnTraining(shape, (0.5,), (0,), 0.01, 64, 2, (0, 2), masks)

        def work(config=config):
            images, labels = torch.rand(300, 1, 28, 28, generator=generator), torch.zeros(300, dtype=torch.int64)
            with tempfile.TemporaryDirectory() as folder:
                CnnRun(config, (images, labels), (images, labels)).finish(Checkpoint(Path(folder) / "state", 0))

        forecast = max(training_bytes(config, 300, 0), training_bytes(config, 0, 300))
        found[width] = forecast, peak_memory_mib(work) * MIB
    print(json.dumps(found))


if __name__ == "__main__":
    main()
