"""A lock that the kernel frees when its process ends."""

import errno
from pathlib import Path

from filelock import FileLock

# What a file system says that knows no locks, such as some of NFS and Lustre.
_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def kernel_lock(path: str | Path) -> FileLock:
    """A lock on a file; where files cannot be locked, acquiring it is an error of which ``has_no_locks`` is true.

    Without that filelock would write a marker file, which stays when the process is killed and blocks the next one.
    """
    return FileLock(path, fallback_to_soft=False)


def has_no_locks(error: Exception) -> bool:
    """Whether the error says that the file system has no locks."""
    return isinstance(error, NotImplementedError) or getattr(error, "errno", None) in _WITHOUT_LOCKS
