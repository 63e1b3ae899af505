import hashlib
import json
import pickle
import socket
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from dropscape.data import cifar, download
from dropscape.errors import ConfigurationError, DataError
from tests.data.torchvision_operators import import_torchvision

UNREACHABLE = "http://127.0.0.1:9/"
RELEASES = {"cifar10": cifar.CIFAR10, "cifar100": cifar.CIFAR100}
ROWS = {"cifar10": {"train": 15, "test": 3}, "cifar100": {"train": 3, "test": 3}}


@pytest.fixture(params=RELEASES)
def official(request):
    return RELEASES[request.param]


@pytest.fixture
def arrays(official):
    """Pixels and labels of three examples for each file."""
    generator = np.random.default_rng(0)
    return {
        name: (
            generator.integers(0, 256, (3, 3072), dtype=np.uint8),
            [int(label) for label in generator.integers(0, official.classes, 3)],
        )
        for name in official.files
    }


def write(folder, official, arrays):
    folder.mkdir(parents=True, exist_ok=True)
    for name, (data, labels) in arrays.items():
        (folder / name).write_bytes(pickle.dumps({"data": data, official.labels: labels}, 4))
    return folder


@pytest.fixture
def small(official, arrays, tmp_path):
    """A folder with the official folder in it, three examples a file."""
    write(tmp_path / "data" / official.archive_folder, official, arrays)
    return tmp_path / "data"


@pytest.fixture
def small_release(official, small, tmp_path):
    """The release of which the small files are the official ones, not to be reached."""
    packed = tmp_path / "host" / official.archive
    packed.parent.mkdir()
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(small / official.archive_folder, official.archive_folder)
    files = {
        name: replace(
            batch, count=3, checksum=hashlib.md5((small / official.archive_folder / name).read_bytes()).hexdigest()
        )
        for name, batch in official.files.items()
    }
    content = packed.read_bytes()
    return replace(
        official,
        files=files,
        md5=hashlib.md5(content).hexdigest(),
        sha256=hashlib.sha256(content).hexdigest(),
        hosts=[UNREACHABLE],
    )


def assert_is_small(dataset, official, arrays):
    for split in ("train", "test"):
        names = [name for name, batch in official.files.items() if batch.split == split]
        images, labels = dataset.tensors[f"{split}_images"], dataset.tensors[f"{split}_labels"]
        assert images.dtype == torch.uint8 and images.shape == (3 * len(names), 3, 32, 32)
        assert images.numpy().tobytes() == b"".join(arrays[name][0].tobytes() for name in names)
        assert labels.dtype == torch.int64
        assert labels.tolist() == [label for name in names for label in arrays[name][1]]


class TestDirectory:
    @pytest.mark.parametrize("inside", [True, False])
    def test_reads_the_official_folder_and_the_folder_around_it(self, inside, official, small, arrays):
        folder = small / official.archive_folder if inside else small
        assert_is_small(official.directory(str(folder)), official, arrays)

    def test_an_unofficial_copy_is_used_and_named(self, official, small):
        description = official.directory(str(small)).description
        counts = ROWS[official.dataset]
        assert description["checksums_verified"] is False
        assert description["label"] == (
            f"{official.title}, directory, training images and labels are not the official "
            f"{'file' if counts['train'] == 3 else 'files'} ({counts['train']} of 50,000); "
            "test images and labels are not the official file (3 of 10,000)"
        )
        for name, batch in official.files.items():
            content = (small / official.archive_folder / name).read_bytes()
            assert description["files"][name] == {
                "sha256": hashlib.sha256(content).hexdigest(),
                "md5": hashlib.md5(content).hexdigest(),
                "official": False,
            }
            difference = f"{name} is not the official file: 3 examples instead of {batch.count:,}"
            assert difference in description["differs"].split("; ")
        assert description["dataset"] == official.dataset and description["classes"] == official.classes
        assert description["counts"] == counts and str(small) in description["origin"]
        assert json.loads(json.dumps(description)) == description

    def test_official_files_are_verified(self, small_release, small):
        description = small_release.directory(str(small)).description
        assert description["checksums_verified"] is True and description["differs"] == ""
        assert description["label"] == f"{small_release.title}, directory, official files"

    def test_one_changed_file_is_named(self, small_release, small, official, arrays):
        name = next(iter(official.files))
        data, labels = arrays[name]
        write(small / official.archive_folder, official, {name: (data ^ 1, labels)})
        description = small_release.directory(str(small)).description
        some = "some " if official is cifar.CIFAR10 else ""
        assert description["label"] == (
            f"{official.title}, directory, {some}training images and labels are not the official file"
        )
        assert description["differs"] == f"{name} is not the official file: as many examples, but another checksum"

    def test_a_folder_that_is_not_given_or_does_not_exist(self, official, tmp_path):
        with pytest.raises(ConfigurationError, match=rf"{official.title} files; write `directory: path/to/folder`"):
            official.directory(None)
        with pytest.raises(
            DataError, match=rf"'.*nowhere' .`directory`.* does not exist.*the files of {official.archive}"
        ):
            official.directory(str(tmp_path / "nowhere"))

    def test_a_missing_file_is_named_with_all_that_are_needed(self, official, small):
        name = next(iter(official.files))
        (small / official.archive_folder / name).unlink()
        with pytest.raises(DataError, match=rf"does not hold {name} of {official.title}.*or write `source") as raised:
            official.directory(str(small))
        assert all(name in str(raised.value) for name in (*official.files, official.archive))

    def test_a_cut_off_file_is_named(self, official, small):
        name = list(official.files)[-1]
        path = small / official.archive_folder / name
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(DataError, match=rf"{name}' is damaged .*not a complete pickle"):
            official.directory(str(small))

    def test_a_label_out_of_range(self, official, small, arrays):
        name = list(official.files)[-1]
        write(small / official.archive_folder, official, {name: (arrays[name][0], [0, official.classes, 1])})
        last = official.classes - 1
        with pytest.raises(
            DataError,
            match=rf"'{official.dataset}' from .*1 test labels outside 0 to {last} .*{official.classes}, example 1",
        ):
            official.directory(str(small))


class TestOfficial:
    def test_downloads_once_and_verifies_both_checksums(self, serve, small_release, official, arrays, tmp_path):
        served = replace(small_release, hosts=[serve(tmp_path / "host")])
        dataset = served.official(str(tmp_path / "cache"))
        assert_is_small(dataset, official, arrays)
        assert dataset.description["checksums_verified"] is True
        assert dataset.description["label"] == f"{official.title}, official files"
        # Nothing is unpacked, and what is there is used without a network.
        assert [path.name for path in (tmp_path / "cache").iterdir()] == [official.archive]
        again = small_release.official(str(tmp_path / "cache"))
        assert again.description == dataset.description

    def test_a_wrong_checksum_is_named_and_the_file_is_not_kept(self, serve, small_release, tmp_path):
        (tmp_path / "host" / small_release.archive).write_bytes(b"<html>please log in</html>")
        served = replace(small_release, hosts=[serve(tmp_path / "host")])
        with pytest.raises(DataError, match=rf"{served.archive} from .*its checksum is not the official one"):
            served.official(str(tmp_path / "cache"))
        assert not list((tmp_path / "cache").iterdir())

    def test_the_sha256_is_compared_too(self, serve, small_release, tmp_path):
        served = replace(small_release, hosts=[serve(tmp_path / "host")], sha256="0" * 64)
        with pytest.raises(DataError, match=rf"{served.archive}' is not the official one although its md5 is"):
            served.official(str(tmp_path / "cache"))

    def test_without_a_network(self, small_release, tmp_path, monkeypatch):
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with pytest.raises(DataError) as raised:
            small_release.official(str(tmp_path))
        message = str(raised.value)
        assert f"{small_release.title} could not be downloaded (`source: official` in the configuration" in message
        assert UNREACHABLE in message and "refused" in message and "generated stand-in images" in message
        assert "`source: directory`" in message and "`source: embedded`" in message and "\n" not in message

    def test_a_silent_host_is_given_up(self, small_release, monkeypatch, tmp_path):
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(download, "SILENCE", 0.1)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            waiting = replace(small_release, hosts=[f"http://127.0.0.1:{silent.getsockname()[1]}/"])
            with pytest.raises(DataError, match=r"could not be downloaded.*timed out"):
                waiting.official(str(tmp_path))

    def test_no_cache_or_one_that_cannot_be_written(self, official, tmp_path):
        with pytest.raises(ConfigurationError, match=rf"download {official.title} into.*`download_cache: data`"):
            official.official(None)
        (tmp_path / "file").write_text("")
        with pytest.raises(DataError, match=rf"{official.title} cannot be downloaded into '.*`download_cache`"):
            official.official(str(tmp_path / "file"))


def test_names_and_checksums_are_torchvisions(official):
    """An independent copy of the published checksums."""
    theirs = getattr(import_torchvision().datasets, official.title.replace("-", ""))
    assert (theirs.url, theirs.filename, theirs.tgz_md5, theirs.base_folder) == (
        f"{official.hosts[0]}{official.archive}", official.archive, official.md5, official.archive_folder
    )  # fmt: skip
    for split, files in (("train", theirs.train_list), ("test", theirs.test_list)):
        ours = [[name, batch.checksum] for name, batch in official.files.items() if batch.split == split]
        assert ours == [list(file) for file in files]


def test_the_real_files(real_cifar10):
    dataset = cifar.CIFAR10.directory(str(real_cifar10))
    description = dataset.description
    assert description["counts"] == {"train": 50_000, "test": 10_000}
    assert dataset.train_images.shape == (50_000, 3, 32, 32) and dataset.test_images.shape == (10_000, 3, 32, 32)
    assert dataset.train_labels.bincount().tolist() == [5_000] * 10
    assert dataset.test_labels.bincount().tolist() == [1_000] * 10
    # Published with the dataset: the first training images are a frog, two trucks, a deer and a car.
    assert dataset.train_labels[:5].tolist() == [6, 9, 9, 4, 1]
    # The first pixel of the first image is the published (59, 62, 63).
    assert dataset.train_images[0, :, 0, 0].tolist() == [59, 62, 63]
    if not description["checksums_verified"]:
        assert "are not the official files" in description["label"] and "of 50,000" not in description["label"]
