import gzip
import os
import struct
from collections.abc import Callable
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


@pytest.fixture(scope="session")
def real_directory() -> Path:
    """A folder with real MNIST files."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mnist"
    folder = Path(os.environ.get("DROPSCAPE_MNIST_DIRECTORY", beside))
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip("no real MNIST files: set DROPSCAPE_MNIST_DIRECTORY to a folder that holds the four archives")
    return folder
