"""Reads and writes tensors as safetensors; not in ``files``, because torch loads slowly and many jobs do without."""

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dropscape.artifacts.files import atomic_write, canonical_json, unreadable, unwritable
from dropscape.errors import ArtifactError


def write_tensors(path: str | Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, Any]) -> None:
    """Write named tensors with JSON-able metadata and checksums; the same content gives the same bytes."""
    contiguous = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    checksums = {name: _checksum(tensor) for name, tensor in contiguous.items()}
    # One text: safetensors writes several in any order.
    text = canonical_json({"metadata": metadata, "checksums": checksums})
    with atomic_write(path) as temporary:
        try:
            save_file(contiguous, temporary, metadata={"dropscape": text})
        except SafetensorError as error:  # a full disk too
            raise ArtifactError(unwritable(path, error)) from error
        temporary.chmod(0o666 & ~_umask())  # safetensors makes files that only their owner can read


def read_tensors(
    path: str | Path, names: Iterable[str] | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read the tensors and the metadata of a file that ``write_tensors`` wrote.

    Of a large file those with the given ``names`` alone; names that are not there are left out. An ArtifactError says
    that the file is missing, or that a tensor that is read does not have its checksum.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            text = json.loads((stored.metadata() or {}).get("dropscape", "{}"))
            if "checksums" not in text:
                raise ValueError("it has no checksums: another version of dropscape wrote it")
            stored_names = stored.keys()
            wanted = stored_names if names is None else [name for name in names if name in stored_names]
            tensors = {name: stored.get_tensor(name) for name in wanted}
            for name, tensor in tensors.items():
                if _checksum(tensor) != text["checksums"].get(name):
                    raise ValueError(f"the checksum of its '{name}' is wrong")
            return tensors, text["metadata"]
    except (SafetensorError, OSError, ValueError) as error:
        raise ArtifactError(unreadable(path, error)) from None


def _checksum(tensor: torch.Tensor) -> int:
    """Compute CRC-32 of a contiguous tensor's bytes: it shows damage, not intent, at the speed of the disk."""
    return zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy())


def _umask() -> int:
    """Read the process's mask of file permissions, which takes setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
