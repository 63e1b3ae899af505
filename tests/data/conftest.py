import functools
import gzip
import http.server
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def encode_idx() -> Callable[[np.ndarray], bytes]:
    """The content of an IDX file of unsigned bytes, written by the format's definition."""

    def encode(array: np.ndarray) -> bytes:
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        return header + array.astype(np.uint8).tobytes()

    return encode


@pytest.fixture(scope="session")
def small_mnist(encode_idx) -> dict[str, bytes]:
    """Contents of the four files by name: 12 training and 5 test images with labels."""
    generator = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": encode_idx(generator.integers(0, 256, (12, 28, 28))),
        "train-labels-idx1-ubyte": encode_idx(generator.integers(0, 10, 12)),
        "t10k-images-idx3-ubyte": encode_idx(generator.integers(0, 256, (5, 28, 28))),
        "t10k-labels-idx1-ubyte": encode_idx(generator.integers(0, 10, 5)),
    }


@pytest.fixture
def small_directory(tmp_path: Path, small_mnist: dict[str, bytes]) -> Path:
    """A folder with the four small files as archives."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name, content in small_mnist.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
    return folder


@pytest.fixture(autouse=True)
def plain_http(monkeypatch):
    """The hosts of these tests are on this machine and have no certificate; ``test_download`` has those that have."""
    monkeypatch.setattr("dropscape.data.download.SCHEMES", ("https", "http"))


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def serve(monkeypatch) -> Iterator[Callable[[Path], str]]:
    """Serves a folder by http on this machine and gives its address."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = []

    def start(folder: Path) -> str:
        handler = functools.partial(QuietHandler, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_directory() -> Path:
    """A folder with real MNIST files."""
    beside = SHARED / "mnist"
    folder = Path(os.environ.get("DROPSCAPE_MNIST_DIRECTORY", beside))
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip("no real MNIST files: set DROPSCAPE_MNIST_DIRECTORY to a folder that holds the four archives")
    return folder


@pytest.fixture(scope="session")
def real_pairs() -> Path:
    """A folder with the official Multi30k files."""
    if not (SHARED / "multi30k" / "train.en.gz").is_file():
        pytest.skip("no real Multi30k files beside the repository, in shared/data/multi30k")
    return SHARED / "multi30k"


@pytest.fixture(scope="session")
def real_cifar10(tmp_path_factory) -> Path:
    """A folder with all CIFAR-10 images in the official layout."""
    if folder := os.environ.get("DROPSCAPE_CIFAR10_DIRECTORY"):
        return Path(folder)
    script = SHARED / "expand_cifar10.py"
    if not script.is_file():
        pytest.skip("no real CIFAR-10 files: set DROPSCAPE_CIFAR10_DIRECTORY to a folder in the official layout")
    folder = tmp_path_factory.mktemp("cifar10")
    subprocess.run([sys.executable, str(script), str(folder)], check=True, capture_output=True)
    return folder
