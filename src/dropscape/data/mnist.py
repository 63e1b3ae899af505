"""The official MNIST, from its download or a folder with its files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dropscape.data.contents import FileContent
from dropscape.data.idx import parse_idx
from dropscape.data.release import OfficialFile, Release
from dropscape.errors import DataError

if TYPE_CHECKING:
    from dropscape.data.dataset import Dataset

CLASSES = 10


@dataclass(frozen=True)
class MnistRelease(Release):
    """The four IDX files."""

    def candidates(self, root: Path, name: str) -> Iterator[Path]:
        """List both spellings of the name, in the folder and in torchvision's layout below it."""
        for folder in (root, root / "MNIST" / "raw"):
            for spelling in (name, name.replace("-idx", ".idx")):
                yield from super().candidates(folder, spelling)

    def loaded(self, contents: Mapping[str, FileContent], source: str, origin: str) -> "Dataset":
        """Read the images and the labels; a DataError names a damaged file, or images of another size."""
        import torch

        from dropscape.data.dataset import Dataset

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
