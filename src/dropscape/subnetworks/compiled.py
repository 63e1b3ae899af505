"""Functions that numba compiles and keeps in a file for the next process."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from numba import njit

from dropscape.numerics import lanes, split_mix

# Numba compiles anew when a function's own file changes, and knows of no other. But it tells apart functions that close
# over different numbers: those here close over a digest of the other files that their machine code comes from.
SOURCES = int.from_bytes(
    sha256(b"".join(Path(module.__file__).read_bytes() for module in (lanes, split_mix))).digest()[:6]
)


def cached(function: Callable) -> Callable:
    """The compiled function; other threads run while it does."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # there is no folder that could be written to
        return njit(nogil=True)(function)
