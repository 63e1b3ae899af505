"""The states of a job that runs several simulations, so that a killed one goes on where it was."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dropscape.artifacts.files import digest
from dropscape.training.checkpoint import Checkpoint


class States:
    """A state for each simulation; a finished one keeps its end until the job's tables are written.

    Args:
        folder: of the job's states.
        key: JSON-able, everything that decides the results.
        code: the module files that do, too.
        seconds: how often a state is saved.
    """

    def __init__(self, folder: str, key: Any, code: Sequence[str], seconds: float):
        self._folder, self._seconds = Path(folder), seconds
        self._digest = digest([key, torch.__version__, torch.get_num_threads()], sorted(code))

    def of(self, *name: Any) -> Checkpoint:
        """The state of the simulation of that name."""
        return Checkpoint(self._folder / f"{self._digest}-{'-'.join(map(str, name))}.safetensors", self._seconds)

    def remove(self) -> None:
        """Forget all of them, with those of other settings or code, which nothing reads again."""
        shutil.rmtree(self._folder, ignore_errors=True)
