"""The IDX format of the official MNIST files.

An IDX file is two zero bytes, a byte for the type of its entries (8 is an unsigned byte), a byte for the
number of its dimensions, each dimension as a big-endian 32-bit number, and the entries, last dimension
fastest. (The format is described at the end of the page that published MNIST,
http://yann.lecun.com/exdb/mnist/.)
"""

import math
import struct

import numpy as np

from dropscape.data.contents import FileContent, damaged

UNSIGNED_BYTE = 0x08


def parse_idx(file: FileContent, dimensions: int) -> np.ndarray:
    """Read the entries (uint8, read-only) of an IDX file; a DataError says what is wrong with it."""
    content, path = file.content, file.path
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
