"""A lock that the kernel frees when its process ends."""

from pathlib import Path

from filelock import FileLock


def kernel_lock(path: str | Path) -> FileLock:
    """A lock on a file; where files cannot be locked, acquiring it is an OSError.

    Without that filelock would write a marker file, which stays when the process is killed and blocks the next one.
    """
    return FileLock(path, fallback_to_soft=False)
