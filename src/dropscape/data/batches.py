"""The python-pickle format of the official CIFAR files, read without running anything that is in them.

A file is a pickled dictionary: ``data`` is an array uint8 (n, 3072), a row is an image's red, green and blue
32 x 32 planes one after the other, row by row; ``labels`` (CIFAR-10) or ``fine_labels`` (CIFAR-100) is a list of
n numbers. (The format is described on the page that publishes the datasets,
https://www.cs.toronto.edu/~kriz/cifar.html.)

A pickle is a program that can call anything it names. Here it can name three things, those that numpy's arrays
are pickled with, and gets inert classes instead that only keep what they are given; the array is then put
together from its bytes, its shape and its type, each checked. The rest of such a file is dictionaries, lists, numbers
and text, which name nothing.
"""

import io
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from dropscape.data.contents import damaged
from dropscape.errors import DataError

IMAGE = (3, 32, 32)
PIXELS = math.prod(IMAGE)


class _Type:
    """Keeps the name of a pickled ``numpy.dtype``."""

    def __init__(self, name: str, *_: Any):
        self.name = name

    def __setstate__(self, state: Any) -> None:
        pass


class _Array:
    """Keeps what a pickled ``numpy.ndarray`` says about itself."""

    def __init__(self, *_: Any):
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


# numpy 2 has moved the function; official files, written by Python 2, have the first name.
_INERT = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
}


class _Restricted(pickle.Unpickler):
    def __init__(self, content: bytes, path: Path):
        # latin1 turns each byte of the strings of Python 2 into the character of that number.
        super().__init__(io.BytesIO(content), encoding="latin1")
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _INERT:
            raise DataError(
                f"The file '{self.path}' is not a CIFAR file: it refers to '{module}.{name}', but a CIFAR file needs "
                "only numpy's arrays. Nothing in it was run; replace it by the official file."
            )
        return _INERT[module, name]


def read_batch(content: bytes, labels_key: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read images uint8 (n, 3, 32, 32) and labels int64 (n,) from a CIFAR file's content.

    A DataError that names ``path`` says that the content is no such pickle, is cut off, names what is no part of it, or
    that its numbers of pixels, images and labels do not fit together.
    """
    try:
        batch = _Restricted(content, path).load()
    except DataError:
        raise
    # What a broken pickle ends in is not limited to UnpicklingError, says its documentation.
    except Exception as error:
        raise damaged(path, f"it is not a complete pickle ({' '.join(str(error).split())})") from error
    if not isinstance(batch, dict) or not {"data", labels_key} <= batch.keys():
        raise damaged(path, f"it has no `data` and `{labels_key}`")
    images, labels = _images(batch["data"], path), _labels(batch[labels_key], path)
    if len(images) != len(labels):
        raise damaged(path, f"it has {len(images):,} images but {len(labels):,} labels")
    return images, labels


def _images(array: Any, path: Path) -> np.ndarray:
    match array:
        case _Array(state=(_, (int(rows), int(columns)), _Type(name="u1"), order, str() | bytes() as pixels)):
            # A character that is no byte is left out, and the length below is wrong then.
            content = pixels.encode("latin1", "ignore") if isinstance(pixels, str) else pixels
        case _:
            raise damaged(path, "its `data` is not a two-dimensional array of unsigned bytes")
    if columns != PIXELS or len(content) != rows * columns:
        raise damaged(path, f"its `data` is {rows:,} x {columns:,} in {len(content):,} bytes, not n x {PIXELS:,} bytes")
    flat = np.frombuffer(content, dtype=np.uint8).reshape(rows, columns, order="F" if order else "C")
    return flat.reshape(rows, *IMAGE)


def _labels(labels: Any, path: Path) -> np.ndarray:
    if not isinstance(labels, list) or not all(isinstance(label, int) and 0 <= label < 2**31 for label in labels):
        raise damaged(path, "its labels are not a list of numbers from 0 up")
    return np.array(labels, dtype=np.int64)
