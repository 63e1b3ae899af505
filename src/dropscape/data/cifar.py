"""CIFAR-10 and CIFAR-100 from the official download or a folder with their files."""

import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dropscape.data.batches import read_batch
from dropscape.data.contents import read_content
from dropscape.data.dataset import Dataset
from dropscape.data.download import download
from dropscape.data.release import (
    FoundFile,
    cache_folder,
    description,
    directory_folder,
    refuse_unless_official,
)
from dropscape.errors import DataError

HOST = "https://www.cs.toronto.edu/~kriz/"
LICENCE = "no licence is stated; Alex Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"


@dataclass(frozen=True)
class Batch:
    """One file of a release: the part it belongs to, its number of examples and the md5 of its content."""

    part: str
    count: int
    md5: str


@dataclass(frozen=True)
class Release:
    """An official release in python-pickle layout.

    Attributes:
        dataset: its name in the configuration. title: its name in words.
        archive, md5, sha256: the archive that is downloaded.
        folder: the folder in the archive. batches: the files in it, in the order of their examples.
        labels: the key under which a file has its labels. classes: how many there are.
    """

    dataset: str
    title: str
    archive: str
    md5: str
    sha256: str
    folder: str
    batches: Mapping[str, Batch]
    labels: str
    classes: int
    host: str = HOST


# The md5 of archives and files are those of the page that publishes them, as torchvision compares them.
CIFAR10 = Release(
    "cifar10",
    "CIFAR-10",
    "cifar-10-python.tar.gz",
    "c58f30108f718f92721af3b95e74349a",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    "cifar-10-batches-py",
    {
        "data_batch_1": Batch("train", 10_000, "c99cafc152244af753f735de768cd75f"),
        "data_batch_2": Batch("train", 10_000, "d4bba439e000b95fd0a9bffe97cbabec"),
        "data_batch_3": Batch("train", 10_000, "54ebc095f3ab1f0389bbae665268c751"),
        "data_batch_4": Batch("train", 10_000, "634d18415352ddfa80567beed471001a"),
        "data_batch_5": Batch("train", 10_000, "482c414d41f54cd18b22e5b47cb7c3cb"),
        "test_batch": Batch("test", 10_000, "40351d587109b95175f43aff81a1287e"),
    },
    labels="labels",
    classes=10,
)
CIFAR100 = Release(
    "cifar100",
    "CIFAR-100",
    "cifar-100-python.tar.gz",
    "eb9058c3a382ffc7106e4002c42a8d85",
    "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    "cifar-100-python",
    {
        "train": Batch("train", 50_000, "16019d7e3df5f24257cddd939b257f8d"),
        "test": Batch("test", 10_000, "f0ef6b0ae62326f3e7ffdfab6717acfc"),
    },
    labels="fine_labels",
    classes=100,
)


def official(release: Release, cache: str | None) -> Dataset:
    """The official archive, downloaded into ``cache``; an intact one that is already there is used.

    Its md5 is compared before it is kept, its sha256 before it is opened. The files are read from the archive, which is
    not unpacked on disk.

    Raises:
        ConfigurationError: no folder is given.
        DataError: the folder cannot be written, or the host cannot be reached or sends another file.
    """
    path = cache_folder(release.title, cache) / release.archive
    download(release.title, path, release.md5, [release.host], embedded="generated stand-in images")
    with open(path, "rb") as file:
        refuse_unless_official(path, hashlib.file_digest(file, "sha256").hexdigest(), release.sha256)
    with tarfile.open(path) as archive:
        contents = {name: _member(archive, f"{release.folder}/{name}") for name in release.batches}
    paths = {name: path / release.folder / name for name in release.batches}
    return _dataset(release, contents, paths, "official", "the official files, downloaded")


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None, f"{name} is no file"  # the archive is the official one, byte for byte
    return file.read()


def directory(release: Release, folder: str | None) -> Dataset:
    """A folder with the unpacked official files, or with the official folder that holds them.

    Files that are not the official ones are used and named so in the description. Whatever they hold, nothing in
    them is run: ``batches`` reads them.

    Raises:
        ConfigurationError: no folder is given.
        DataError: the folder or a file is missing, or a file is damaged or no such file.
    """
    needed = f"the official {release.title} files in python-pickle layout"
    root = directory_folder(release.title, folder, needed)
    paths = {name: _find(release, root, folder, name) for name in release.batches}
    contents = {name: read_content(path).content for name, path in paths.items()}
    return _dataset(release, contents, paths, "directory", f"the folder '{folder}'")


def _find(release: Release, root: Path, folder: str, name: str) -> Path:
    for path in (root / release.folder / name, root / name):
        if path.is_file():
            return path
    raise DataError(
        f"The folder '{folder}' (`directory` in the configuration) has no {name} of {release.title}, in it or in its "
        f"{release.folder}; put the files of {release.archive} there ({', '.join(release.batches)}), or write "
        "`source: embedded`."
    )


def _dataset(
    release: Release, contents: Mapping[str, bytes], paths: Mapping[str, Path], source: str, origin: str
) -> Dataset:
    """The dataset of files that have been read; names what is not the official release."""
    images: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    labels: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    found = []
    for name, batch in release.batches.items():
        of_batch, labels_of_batch = read_batch(contents[name], release.labels, paths[name])
        images[batch.part].append(of_batch)
        labels[batch.part].append(labels_of_batch)
        md5 = hashlib.md5(contents[name], usedforsecurity=False).hexdigest()
        checksums = {"sha256": hashlib.sha256(contents[name]).hexdigest(), "md5": md5}
        found.append(
            FoundFile(name, batch.part, "images and labels", len(of_batch), batch.count, md5 == batch.md5, checksums)
        )
    described = description(release.dataset, release.title, source, origin, found, LICENCE)
    return Dataset(
        name=release.dataset,
        train_images=torch.from_numpy(np.concatenate(images["train"])),
        train_labels=torch.from_numpy(np.concatenate(labels["train"])),
        test_images=torch.from_numpy(np.concatenate(images["test"])),
        test_labels=torch.from_numpy(np.concatenate(labels["test"])),
        description=described | {"classes": release.classes},
    )
