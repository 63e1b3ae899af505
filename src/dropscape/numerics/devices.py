"""Where a computation runs."""

import torch

from dropscape.errors import DeviceError


def chosen_device(device: str) -> str:
    """``cpu`` or ``cuda``; ``auto`` takes a GPU where torch sees one.

    Raises:
        DeviceError: ``cuda`` was asked for and torch sees no GPU.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "device is 'cuda' in the configuration, but torch sees no GPU here: write device: cpu or device: auto, "
            "or install a CUDA build of torch on a machine with a GPU."
        )
    return device
