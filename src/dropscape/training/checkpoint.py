"""Checkpoints of unfinished work, in files that the workflow does not know and so does not delete.

A file is named by a digest of everything that decides the result (settings, data, code), so only the very same work
resumes from it.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dropscape.artifacts.files import digest
from dropscape.artifacts.provenance import gpu_versions
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.errors import ArtifactError
from dropscape.jobs import Job


class Checkpoint:
    """The newest state of one piece of work, saved in the file ``path`` ``every_seconds``."""

    def __init__(self, path: str | Path, every_seconds: float):
        self.path = Path(path)
        self.every_seconds = every_seconds
        self._saved = time.monotonic()

    def due(self) -> bool:
        """Say whether it is time to save again."""
        return time.monotonic() - self._saved >= self.every_seconds

    def save(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Replace the saved state, whole or not at all."""
        write_tensors(self.path, tensors, state)
        self._saved = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Read the saved state; None where there is none. A damaged file is deleted, and the work starts anew."""
        if not self.path.exists():
            return None
        try:
            return read_tensors(self.path)
        except ArtifactError:
            self.path.unlink()
            return None

    def rows(self, pieces: Sequence[Callable[[], Iterable[dict[str, Any]]]]) -> list[dict[str, Any]]:
        """Compute the rows of a table, of numbers and text, piece by piece; what was saved is not computed again."""
        saved = self.load()
        rows, finished = ([dict(row) for row in saved[1]["rows"]], saved[1]["finished"]) if saved else ([], 0)
        for number, piece in enumerate(pieces[finished:], finished + 1):
            rows += piece()
            if self.due():  # as pairs: a state keeps no order of names, which is that of the table's columns
                self.save({}, {"rows": [list(row.items()) for row in rows], "finished": number})
        return rows


class Checkpoints:
    """The checkpoints of a job, so that a killed job resumes where it was.

    The result depends on the job's settings and code, on the data, of which this is the ``description``, on the device
    (which GPU it is, with what driver and libraries) and on ``files``.
    """

    def __init__(self, job: Job, description: Any, device: str, files: Sequence[str] = ()):
        if job.checkpoints is None:
            raise ValueError("the job has no folder for its checkpoints: give it one, which the job will delete")
        self._folder, self._seconds = job.checkpoints, job.checkpoint_seconds
        data = None if description is None else dict(description)
        key = [dict(job.settings), data, device, torch.__version__, torch.get_num_threads()]
        key += filter(None, [gpu_versions(device)])
        self._digest = digest(key, [*sorted(job.code), *files])

    def named(self, *name: Any) -> Checkpoint:
        """Return the checkpoint of the piece of work of that name; it stays until the job is done."""
        return Checkpoint(self._folder / f"{'-'.join(map(str, [self._digest, *name]))}.safetensors", self._seconds)
