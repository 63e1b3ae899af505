"""CIFAR-10 and CIFAR-100 from the official download or a folder with their files."""

import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dropscape.data.batches import read_batch
from dropscape.data.contents import FileContent
from dropscape.data.download import download
from dropscape.data.release import SPLITS, OfficialFile, Release, refuse_unless_official

if TYPE_CHECKING:
    from dropscape.data.dataset import Dataset

COMMON = {
    "hosts": ("https://www.cs.toronto.edu/~kriz/",),
    "folder": "",
    "licence": "no licence is stated; Alex Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    "embedded": "generated stand-in images",
}


@dataclass(frozen=True)
class CifarRelease(Release):
    """A release in python-pickle layout, all files of which are downloaded in one archive."""

    archive: str
    md5: str  # of the archive
    sha256: str  # of the archive
    archive_folder: str  # the folder in the archive that holds the files
    labels: str  # the key under which a file has its labels
    classes: int

    def candidates(self, root: Path, name: str) -> Iterator[Path]:
        """List the official folder below the user's folder, then that folder."""
        yield root / self.archive_folder / name
        yield root / name

    def downloaded(self, folder: Path) -> dict[str, FileContent]:
        """Download and check the archive, and read its files; it is not unpacked on disk."""
        path = folder / self.archive
        download(self.title, path, self.md5, self.hosts, embedded=self.embedded)
        with open(path, "rb") as file:
            refuse_unless_official(path, hashlib.file_digest(file, "sha256").hexdigest(), self.sha256)
        contents = {}
        with tarfile.open(path) as archive:
            for name in self.files:
                member = archive.extractfile(f"{self.archive_folder}/{name}")
                assert member is not None, f"{name} is no file"  # the archive is the official one, byte for byte
                content = member.read()
                sha256 = hashlib.sha256(content).hexdigest()
                contents[name] = FileContent(path / self.archive_folder / name, content, sha256, sha256)
        return contents

    def checksums(self, file: FileContent) -> dict[str, str]:
        """Give the md5 of the content too, which the page that publishes the datasets states."""
        md5 = hashlib.md5(file.content, usedforsecurity=False).hexdigest()
        return {"sha256": file.content_sha256, "md5": md5}

    def loaded(self, contents: Mapping[str, FileContent], source: str, origin: str) -> "Dataset":
        """Read the images and labels without running any code that the files hold."""
        import torch

        from dropscape.data.dataset import Dataset

        batches = {name: read_batch(file.content, self.labels, file.path) for name, file in contents.items()}
        tensors = {}
        for split in SPLITS:
            names = [name for name, file in self.files.items() if file.split == split]
            tensors[f"{split}_images"] = torch.from_numpy(np.concatenate([batches[name][0] for name in names]))
            tensors[f"{split}_labels"] = torch.from_numpy(np.concatenate([batches[name][1] for name in names]))
        counts = {name: len(images) for name, (images, _) in batches.items()}
        description = self.description(contents, counts, source, origin) | {"classes": self.classes}
        return Dataset(self.dataset, **tensors, description=description)


def _batch(split: str, count: int, md5: str) -> OfficialFile:
    return OfficialFile(split, "images and labels", count, md5)


CIFAR10 = CifarRelease(
    "cifar10",
    "CIFAR-10",
    {
        "data_batch_1": _batch("train", 10_000, "c99cafc152244af753f735de768cd75f"),
        "data_batch_2": _batch("train", 10_000, "d4bba439e000b95fd0a9bffe97cbabec"),
        "data_batch_3": _batch("train", 10_000, "54ebc095f3ab1f0389bbae665268c751"),
        "data_batch_4": _batch("train", 10_000, "634d18415352ddfa80567beed471001a"),
        "data_batch_5": _batch("train", 10_000, "482c414d41f54cd18b22e5b47cb7c3cb"),
        "test_batch": _batch("test", 10_000, "40351d587109b95175f43aff81a1287e"),
    },
    archive="cifar-10-python.tar.gz",
    md5="c58f30108f718f92721af3b95e74349a",
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    archive_folder="cifar-10-batches-py",
    needed="the files of cifar-10-python.tar.gz",
    labels="labels",
    classes=10,
    **COMMON,
)
CIFAR100 = CifarRelease(
    "cifar100",
    "CIFAR-100",
    {
        "train": _batch("train", 50_000, "16019d7e3df5f24257cddd939b257f8d"),
        "test": _batch("test", 10_000, "f0ef6b0ae62326f3e7ffdfab6717acfc"),
    },
    archive="cifar-100-python.tar.gz",
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    archive_folder="cifar-100-python",
    needed="the files of cifar-100-python.tar.gz",
    labels="fine_labels",
    classes=100,
    **COMMON,
)
