"""The IDX format of the official MNIST files, plain or in a gzip archive.

An IDX file is two zero bytes, a byte for the type of its entries (8 is an unsigned byte), a byte for the
number of its dimensions, each dimension as a big-endian 32-bit number, and the entries, last dimension
fastest. (The format is described at the end of the page that published MNIST,
http://yann.lecun.com/exdb/mnist/.)
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dropscape.data.contents import damaged, read_content

UNSIGNED_BYTE = 0x08


@dataclass(frozen=True, eq=False)
class IdxFile:
    """One file: its entries (uint8, read-only), the sha256 of the file and of its unpacked content."""

    array: np.ndarray
    sha256: str
    content_sha256: str


def read_idx(path: Path, dimensions: int) -> IdxFile:
    """Reads an IDX file of unsigned bytes with the given number of dimensions, packed or not.

    Raises:
        DataError: the file cannot be read, its archive is damaged or cut off, or its content is not such an
            IDX file of exactly the length that its header announces.
    """
    file = read_content(path)
    return IdxFile(parse_idx(file.content, dimensions, path), file.sha256, file.content_sha256)


def parse_idx(content: bytes, dimensions: int, path: Path) -> np.ndarray:
    """The entries of an IDX file's content, uint8, read-only; ``path`` is only named in errors.

    Raises:
        DataError: as in ``read_idx``.
    """
    header = 4 + 4 * dimensions
    if content[:2] != b"\x00\x00" or len(content) < 4:
        raise damaged(path, "it does not start with the four bytes of an IDX file")
    kind, announced = content[2], content[3]
    if kind != UNSIGNED_BYTE:
        raise damaged(path, f"its entries have the type 0x{kind:02x} and not unsigned bytes (0x{UNSIGNED_BYTE:02x})")
    if announced != dimensions:
        raise damaged(path, f"it has {announced} dimensions and not {dimensions}")
    if len(content) < header:
        raise damaged(path, f"it ends within its header, after {len(content)} of {header} bytes")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    entries, expected = len(content) - header, math.prod(shape)
    if entries < expected:
        raise damaged(path, f"it is cut off: it holds {entries:,} of the {expected:,} bytes that its header announces")
    if entries > expected:
        raise damaged(path, f"{entries - expected:,} bytes follow the {expected:,} bytes that its header announces")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
