"""The state of an unfinished training, in a file that the workflow does not know and so does not delete.

The file is named by a digest of everything that decides the result (parameters, data, code), so a state is only
ever continued by the very same training.
"""

import time
from pathlib import Path
from typing import Any

from torch import Tensor

from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.errors import ArtifactError


class Checkpoint:
    """Keeps the newest state of one training.

    Args:
        path: the state file.
        every_seconds: how long ``due`` stays False after a save.
    """

    def __init__(self, path: str | Path, every_seconds: float):
        self.path = Path(path)
        self.every_seconds = every_seconds
        self._saved = time.monotonic()

    def due(self) -> bool:
        """Whether it is time to save again."""
        return time.monotonic() - self._saved >= self.every_seconds

    def save(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Replace the saved state, whole or not at all."""
        write_tensors(self.path, tensors, state)
        self._saved = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The saved state; None where there is none. A damaged one is deleted, and training starts anew."""
        if not self.path.exists():
            return None
        try:
            return read_tensors(self.path)
        except ArtifactError:
            self.path.unlink()
            return None
