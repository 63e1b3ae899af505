"""Prints the forecast of trainings and their measured peak extra memory (bytes) by width, as json."""

import json
import tempfile
from pathlib import Path

import torch

from benchmarks.harness import MIB, peak_memory_mib
from dropscape.subnetworks.cnn import Shape
from dropscape.subnetworks.cnn_training import Cnn, train
from dropscape.subnetworks.memory import bytes_of_training
from dropscape.training.checkpoint import Checkpoint


def main():
    torch.set_num_threads(1)
    found = {}
    generator = torch.Generator().manual_seed(0)
    for width, masks in ((1_000, 50), (20_000, 0)):
        shape = Shape(28, (6, 16), 120, width, 10)
        plan = Cnn(shape, 0.5, 0, 0.01, 64, 2, (0, 2), masks)

        def work(plan=plan):
            images, labels = torch.rand(300, 1, 28, 28, generator=generator), torch.zeros(300, dtype=torch.int64)
            with tempfile.TemporaryDirectory() as folder:
                train(plan, images, labels, images, labels, checkpoint=Checkpoint(Path(folder) / "state", 0))

        forecast = bytes_of_training(shape, 0.5, 64, 300, 0, 2 + masks)
        forecast = max(forecast, bytes_of_training(shape, 0.5, 64, 0, 300, 2 + masks))
        found[width] = forecast, peak_memory_mib(work) * MIB
    print(json.dumps(found))


if __name__ == "__main__":
    main()
