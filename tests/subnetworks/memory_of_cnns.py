"""Prints the forecast of trainings and their measured peak extra memory (bytes) by width, as json.

The last one, of networks side by side, takes on a processor what the forecast for a GPU says.
"""

import json
import tempfile
from pathlib import Path

import torch

from benchmarks.harness import MIB, peak_memory_mib
from dropscape.subnetworks import cnn_training
from dropscape.subnetworks.cnn import Shape
from dropscape.subnetworks.cnn_training import CnnRun, CnnTraining, training_bytes
from dropscape.training.checkpoint import Checkpoint


def main():
    torch.set_num_threads(1)
    found = {}
    generator = torch.Generator().manual_seed(0)
    cnn_training.MASK_BYTES = 2**20
    for width, masks, networks in ((1_000, 50, 1), (20_000, 0, 1), (5_000, 0, 6)):
        shape = Shape(28, (6, 16), 120, width, 10)
        config = CnnTraining(shape, (0.5,) * networks, tuple(range(networks)), 0.01, 64, 2, (0, 2), masks)

        def work(config=config):
            images, labels = torch.rand(300, 1, 28, 28, generator=generator), torch.zeros(300, dtype=torch.int64)
            with tempfile.TemporaryDirectory() as folder:
                CnnRun(config, (images, labels), (images, labels)).finish(Checkpoint(Path(folder) / "state", 0))

        device = "cpu" if networks == 1 else "cuda"
        forecast = max(training_bytes(config, *counts, device) for counts in ((300, 0), (0, 300)))
        found[width] = forecast, peak_memory_mib(work) * MIB
    print(json.dumps(found))


if __name__ == "__main__":
    main()
