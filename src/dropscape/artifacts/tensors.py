"""Tensors as safetensors; apart from the rest, since jobs that only draw or judge need no torch, which loads slowly."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dropscape.artifacts.files import canonical_json, unreadable, whole_file
from dropscape.errors import ArtifactError


def write_tensors(path: str | Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, Any]) -> None:
    """Write named tensors with JSON-able metadata; the same content gives the same bytes."""
    contiguous = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    with whole_file(path) as temporary:
        save_file(contiguous, temporary, metadata={"dropscape": canonical_json(metadata)})
        temporary.chmod(0o666 & ~_umask())  # safetensors makes files that only their owner can read


def read_tensors(
    path: str | Path, names: Iterable[str] | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors and the metadata of a file that ``write_tensors`` wrote.

    Args:
        path: of the file.
        names: of the tensors to read where a few of a large file are needed, those that are not there left out.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = json.loads((stored.metadata() or {}).get("dropscape", "{}"))
            there = stored.keys()
            wanted = there if names is None else [name for name in names if name in there]
            return {name: stored.get_tensor(name) for name in wanted}, metadata
    except (SafetensorError, OSError, ValueError) as error:
        raise ArtifactError(unreadable(path, error)) from None


def _umask() -> int:
    """The process's mask of file permissions, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
