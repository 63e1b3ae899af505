"""What the jobs of the stage share: many trainings each, every one with a state file and its part of the progress."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from dropscape.artifacts.files import digest
from dropscape.numerics.progress import Progress


def state_key(settings: Mapping[str, Any], description: Any, device: str, code: Sequence[str]) -> str:
    """Of the state files: everything that decides the result.

    Args:
        settings: of the experiment.
        description: of its data, None for examples that it makes.
        device: where it is trained.
        code: the module files.
    """
    return digest([dict(settings), description, device, torch.__version__, torch.get_num_threads()], sorted(code))


def part_of(progress: Progress, before: int, total: int) -> Callable[..., None]:
    """Reports the steps of one training, which ``before`` steps precede, as part of all."""
    return lambda done, steps, **values: progress(before + done, total, **values)
