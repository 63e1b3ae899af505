"""Compile loops over arrays with numba: into SIMD instructions, and into a file for the next process.

LLVM makes SIMD instructions of a loop over contiguous numbers if it has no branch and may take sums in any order. Hence
the options of ``vectorised``: products may be fused with sums, and sums reordered, but NaN and infinity stay what they
are, because they tell that a training diverged; and a division by zero is no exception. Callers inline it: in the
process that compiles a called function, other machine code may be run than the next process reads from the file, which
rounds otherwise.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numba import njit

vectorised = njit(fastmath={"contract", "reassoc"}, error_model="numpy", forceinline=True)

# Numba compiles a cached function anew when its file has changed, and looks at no other file. But it tells functions
# apart that close over different numbers. So cached functions close over a digest of the modules whose functions they
# call.
MODULES = ("compiled_loops", "fast_tanh", "split_mix")
_FILES = (Path(__file__).with_name(f"{name}.py").read_bytes() for name in MODULES)
SOURCES = int.from_bytes(sha256(b"".join(_FILES)).digest()[:6])


def cached(function: Callable) -> Callable:
    """Compile ``function``, which has to close over ``SOURCES``, and save the machine code for the next process.

    Other threads run while the function does.
    """
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # there is no folder that can be written to
        return njit(nogil=True)(function)


def aligned_zeros(*shape: int) -> np.ndarray:
    """Make float32 zeros that start at a cache line, as torch's do: no SIMD register is loaded from two of them."""
    return torch.zeros(shape).numpy()
