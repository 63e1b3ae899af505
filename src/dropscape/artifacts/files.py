"""Reads and writes artifacts: tables as csv, scalars as json (and tensors, in ``tensors``).

Each is written whole or not at all, and damage is noticed when it is read: a table has its SHA-256 beside it in a
hidden file, which ``sha256sum -c`` understands, and JSON that was cut off is no JSON. A table that was copied without
that file is read if its last line is whole.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from dropscape.errors import ArtifactError


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give the body a temporary path to write, which replaces ``path`` if the body ends without an error.

    An ArtifactError says that it cannot be written; what was there before is still there.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.part")  # one name: what a killed job left is overwritten
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ArtifactError(unwritable(path, error)) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a tidy table, then its checksum; floats keep every digit they need to be read back exactly.

    After an ArtifactError there is the table from before, or the new one without a checksum.
    """
    content = table.to_csv(index=False).encode()
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
        checksum_file(path).unlink(missing_ok=True)  # never that of another table
    with atomic_write(checksum_file(path)) as temporary:
        temporary.write_text(f"{hashlib.sha256(content).hexdigest()}  {Path(path).name}\n", encoding="utf-8")


def checksum_file(path: str | Path) -> Path:
    """Name the file that holds the checksum of a table."""
    return Path(path).with_name(f".{Path(path).name}.sha256")


def read_table(path: str | Path, as_text: bool = False) -> pd.DataFrame:
    """Read a table that ``write_table`` wrote, floats exactly; an empty cell, of text too, reads as NaN.

    With ``as_text`` every cell is as it is written. An ArtifactError says that the file is missing or damaged.
    """
    try:
        content = _verified(Path(path))
        # In one piece: the type of a column is that of all its cells.
        options = {"dtype": str, "keep_default_na": False} if as_text else {"low_memory": False}
        return pd.read_csv(BytesIO(content), **options)
    except (OSError, ValueError) as error:
        raise ArtifactError(unreadable(path, error)) from None


def verify(path: str | Path) -> None:
    """Raise an ArtifactError if a table is not the one of its checksum, or a table or JSON is cut off.

    Other files are left to who reads them: tensors have a checksum each.
    """
    try:
        if Path(path).suffix in (".csv", ".json"):
            _verified(Path(path))
    except (OSError, ValueError) as error:
        raise ArtifactError(unreadable(path, error)) from None


def _verified(path: Path) -> bytes:
    content, beside = path.read_bytes(), checksum_file(path)
    if beside.exists() and beside.read_text(encoding="utf-8").split()[:1] != [hashlib.sha256(content).hexdigest()]:
        raise ValueError(f"its checksum is not that in {beside.name}")
    if content and not content.endswith(b"\n"):
        raise ValueError("its last line is cut off")
    return content


def join_tables(tables: Sequence[str | Path], path: str | Path) -> None:
    """Write the rows of tables with the same columns as one, in the order given and every cell as it is written."""
    write_table(path, pd.concat([read_table(table, as_text=True) for table in tables], ignore_index=True))


def write_json(path: str | Path, content: Any) -> None:
    """Write readable JSON; NaN is refused, because JSON has none."""
    with atomic_write(path) as temporary:
        text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; an ArtifactError says that it is missing or damaged."""
    try:
        return json.loads(_verified(Path(path)))
    except (OSError, ValueError) as error:
        raise ArtifactError(unreadable(path, error)) from None


def canonical_json(content: Any) -> str:
    """Write JSON with sorted keys and no white space, equal for equal content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def digest(content: Any, files: list[str] | tuple[str, ...] = ()) -> str:
    """Hash JSON-able content and the bytes of files, in the order given: SHA-256 in 64 hexadecimal digits."""
    total = hashlib.sha256(canonical_json(content).encode())
    for path in files:
        total.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return total.hexdigest()


def unreadable(path: str | Path, error: Exception) -> str:
    """Say that an artifact could not be read, and what to do."""
    if not Path(path).exists():
        return f"{path} does not exist: run the same command again, which makes it."
    return (
        f"{path} is damaged ({_in_one_line(error)}): delete it and run the same command again; only it and what "
        "follows is redone."
    )


def unwritable(path: str | Path, error: Exception) -> str:
    """Say that an artifact could not be written, and what to do."""
    return (
        f"{path} could not be written ({_in_one_line(error)}): make room, or give yourself the right to write there, "
        "and run the same command again; what was made before is kept."
    )


def _in_one_line(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(said.split()) or type(error).__name__
