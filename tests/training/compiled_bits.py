"""Prints a digest of small compiled trainings, for a comparison of processes."""

import hashlib

import torch

from dropscape.subnetworks.cnn_training import CnnRun, CnnTraining
from dropscape.subnetworks.distributions import Caps
from dropscape.subnetworks.streams import FreshStream
from dropscape.subnetworks.two_layer import Algorithm1Run, Algorithm1Training
from tests.subnetworks.networks import SMALL, drawn
from tests.training.compiled_trainings import changed, trained


def main():
    torch.set_num_threads(1)
    digest = hashlib.sha256()
    for optimizer in ("gd", "adam"):
        parameters = trained(changed(optimizer=optimizer, learning_rate=1e-3)).parameters
        digest.update(b"".join(value.numpy().tobytes() for value in parameters.values()))
    algorithm1 = Algorithm1Run(
        Algorithm1Training(45, (0.5,), (2.4,), (0,), 0.6, 60, (60,)), FreshStream(Caps(6, 0.2), 9)
    )
    algorithm1.finish()
    _, images, labels = drawn(dtype=torch.float32)
    cnn = CnnRun(CnnTraining(SMALL, (0.4,), (5,), 0.2, 16, 7, (7,), 0), (images, labels), (images, labels))
    cnn.finish()
    digest.update(algorithm1.theta.tobytes() + cnn.parameters["conv1.weight"].numpy().tobytes())
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
