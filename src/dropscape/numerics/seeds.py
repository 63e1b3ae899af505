"""Random generators derived from (run seed, stage, purpose).

A draw of one stage never moves the draws of another, so adding a stage or reordering jobs changes no result.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derived_seed(seed: int, stage: str, purpose: str) -> int:
    """Derive a 63-bit seed, which depends on all three arguments and on nothing else."""
    digest = hashlib.sha256(f"{int(seed)}/{stage}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def numpy_generator(seed: int, stage: str, purpose: str) -> np.random.Generator:
    """Make a numpy generator (SFC64, the fastest of numpy's) for one purpose of one stage."""
    return np.random.Generator(np.random.SFC64(derived_seed(seed, stage, purpose)))


def torch_generator(seed: int, stage: str, purpose: str, device: str = "cpu") -> "torch.Generator":
    """Make a torch generator for one purpose of one stage."""
    import torch  # here, because it loads slowly and stages that only judge need none

    return torch.Generator(device=device).manual_seed(derived_seed(seed, stage, purpose))
