"""On which device a computation runs, and with what precision."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch

from dropscape.errors import ConfigurationError, DeviceError


def chosen_device(device: str) -> str:
    """Return ``cpu`` or ``cuda``; ``auto`` takes a GPU where torch sees one.

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


@dataclass(frozen=True)
class Budget:
    """How much is computed at once: what stays in a processor's caches, or what keeps a GPU busy."""

    cpu: int
    gpu: int | float  # a float is a share of the GPU's memory, in bytes

    def on(self, device: str | torch.device) -> int:
        """Return the one of the device."""
        if torch.device(device).type == "cpu":
            return self.cpu
        return self.gpu if isinstance(self.gpu, int) else int(self.gpu * gpu_memory())


def gpu_memory() -> int:
    """Bytes that the GPU has, free or not, so that what follows from it is the same in each run."""
    return torch.cuda.mem_get_info()[1]


PRECISIONS = ("float32", "tf32", "bfloat16")


@contextmanager
def arithmetic(precision: str) -> Iterator[None]:
    """Let a GPU multiply float32 matrices in full precision or in the faster ``tf32``, the same bits each time.

    Raises:
        ConfigurationError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ConfigurationError(f"precision is '{precision}'; write one of {', '.join(PRECISIONS)}.")
    tf32 = precision == "tf32"
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def sampling_precision(training: str) -> str:
    """Choose the precision of sampled gradients: the training's, but for bfloat16, whose digits are too few."""
    return "float32" if training == "bfloat16" else training


def forward_pass(precision: str, device: str) -> AbstractContextManager:
    """Let a pass that is differentiated multiply in ``bfloat16`` if so asked; the parameters stay float32."""
    if precision != "bfloat16":
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)
