"""Artifacts: tables as csv, scalars as json (and tensors, in ``tensors``); each is written whole or not at all."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from dropscape.errors import ArtifactError


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place only if the body ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")  # one name: what a killed job left is overwritten
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a tidy table; floats keep every digit they need to be read back exactly."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False)


def read_table(path: str | Path) -> pd.DataFrame:
    """A table that ``write_table`` wrote, floats exactly; an empty cell, of text too, reads as NaN.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ArtifactError(unreadable(path, error)) from None


def write_json(path: str | Path, content: Any) -> None:
    """Write readable JSON; NaN is refused, because JSON has none."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """The content of a JSON file.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise ArtifactError(unreadable(path, error)) from None


def canonical_json(content: Any) -> str:
    """JSON with sorted keys and no white space, equal for equal content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def digest(content: Any, files: list[str] | tuple[str, ...] = ()) -> str:
    """SHA-256 of JSON-able content and of the bytes of files, in the order given; 64 hexadecimal digits."""
    total = hashlib.sha256(canonical_json(content).encode())
    for path in files:
        total.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return total.hexdigest()


def unreadable(path: str | Path, error: Exception) -> str:
    """The sentence about an artifact that could not be read."""
    if not Path(path).exists():
        return f"{path} does not exist: run the same command again and the stage that makes it will."
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"{path} is damaged ({reason}): delete it and run the same command again; only it and what follows is redone."
    )
