"""The content of a data file, plain or in a gzip archive, with its checksums."""

import gzip
import hashlib
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

from dropscape.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"

# Bytes. The largest official file is CIFAR-100's training file, 155 MB; an archive made to fill the memory ends here.
LIMIT = 2**28


@dataclass(frozen=True)
class FileContent:
    """What a file holds after unpacking, and the sha256 of the file and of what it holds."""

    path: Path
    content: bytes
    sha256: str
    content_sha256: str


def read_content(path: Path) -> FileContent:
    """Read a whole file and unpack a gzip archive; a DataError says that it is unreadable, damaged or too large."""
    try:
        with open(path, "rb") as file:
            packed = file.read(LIMIT + 1)
    except OSError as error:
        raise DataError(f"The file '{path}' cannot be read ({error.strerror}); make it readable.") from error
    content = packed
    # No official plain file starts with the mark of a gzip archive, so what a file is decides, not its name.
    if packed.startswith(GZIP_MAGIC):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(packed)) as archive:
                content = archive.read(LIMIT + 1)
        except EOFError as error:
            raise damaged(path, "its gzip archive is cut off") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise damaged(path, f"its gzip archive cannot be unpacked ({error})") from error
    elif path.suffix == ".gz":
        raise damaged(path, "its name ends in .gz but it is not a gzip archive")
    if max(len(packed), len(content)) > LIMIT:
        raise damaged(path, f"it holds more than the {LIMIT:,} bytes that any official file has")
    return FileContent(path, content, hashlib.sha256(packed).hexdigest(), hashlib.sha256(content).hexdigest())


def damaged(path: Path, why: str) -> DataError:
    """Make the error for a file that is not what it should be."""
    return DataError(f"The file '{path}' is damaged or not what its name says: {why}; replace it by a fresh copy.")
