"""Tensors as safetensors; apart from the rest, since jobs that only draw or judge need no torch, which loads slowly."""

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dropscape.artifacts.files import canonical_json, unreadable, unwritable, whole_file
from dropscape.errors import ArtifactError


def write_tensors(path: str | Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, Any]) -> None:
    """Write named tensors with JSON-able metadata and the tensors' checksums; the same content gives the same bytes.

    Raises:
        ArtifactError: it cannot be written; what was there before is still there.
    """
    contiguous = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    checksums = {name: _checksum(tensor) for name, tensor in contiguous.items()}
    # One text: safetensors writes several in any order.
    text = canonical_json({"metadata": metadata, "checksums": checksums})
    with whole_file(path) as temporary:
        try:
            save_file(contiguous, temporary, metadata={"dropscape": text})
        except SafetensorError as error:  # a full disk too
            raise ArtifactError(unwritable(path, error)) from error
        temporary.chmod(0o666 & ~_umask())  # safetensors makes files that only their owner can read


def read_tensors(
    path: str | Path, names: Iterable[str] | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors and the metadata of a file that ``write_tensors`` wrote.

    Args:
        path: of the file.
        names: of the tensors to read where a few of a large file are needed, those that are not there left out.

    Raises:
        ArtifactError: the file is missing or damaged: a tensor that is read must have its checksum.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            text = json.loads((stored.metadata() or {}).get("dropscape", "{}"))
            if "checksums" not in text:
                raise ValueError("it has no checksums: another version of dropscape wrote it")
            there = stored.keys()
            wanted = there if names is None else [name for name in names if name in there]
            tensors = {name: stored.get_tensor(name) for name in wanted}
            for name, tensor in tensors.items():
                if _checksum(tensor) != text["checksums"].get(name):
                    raise ValueError(f"its '{name}' is not what was written")
            return tensors, text["metadata"]
    except (SafetensorError, OSError, ValueError) as error:
        raise ArtifactError(unreadable(path, error)) from None


def _checksum(tensor: torch.Tensor) -> int:
    """CRC-32 of a contiguous tensor's bytes: it tells damage, not intent, at the speed of the disk."""
    return zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy())


def _umask() -> int:
    """The process's mask of file permissions, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
