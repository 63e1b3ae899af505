"""One workflow at a time in a folder of results, and who may write there."""

import errno
import shutil
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from filelock import Timeout

from dropscape.dependencies import write_if_changed
from dropscape.errors import ArtifactError, ConfigurationError
from dropscape.kernel_lock import has_no_locks, kernel_lock


class RunLock:
    """The lock of a folder of results.

    Snakemake's own lock outlives a kill -9 and then needs --unlock; the kernel frees this one. Where the file system
    has no locks, a warning is all.

    Args:
        folder: of the results; it is made when it is first written.
    """

    def __init__(self, folder: str):
        self._folder = folder
        self._lock = kernel_lock(f"{folder}/.lock")

    def hold(self) -> None:
        """Hold the folder until this process ends.

        Raises:
            ArtifactError: another workflow holds it, or it cannot be written.
        """
        if not self._acquired():
            raise ArtifactError(
                f"Another run is at work in {self._folder}: wait until it has ended, or write another `results` folder."
            )

    def is_free(self) -> bool:
        """Whether no other workflow holds the folder; where it is read-only, none can.

        Raises:
            ArtifactError: it cannot be written for another reason.
        """
        if self.is_read_only():
            return True
        free = self._acquired()
        self._lock.release()
        return free

    def is_read_only(self) -> bool:
        """Whether there are results that this user may read only."""
        return self._without_right is not None and Path(self._folder).is_dir()

    def write(self, path: Path, content: str) -> None:
        """Write a file of the folder unless it holds the content already.

        Raises:
            ArtifactError: it cannot be written.
        """
        try:
            write_if_changed(path, content)
        except OSError as error:
            raise ArtifactError(_unwritable(self._folder, error)) from None

    @cached_property
    def _without_right(self) -> OSError | None:
        try:
            Path(self._folder).mkdir(parents=True, exist_ok=True)
            with open(f"{self._folder}/.lock", "a", encoding="utf-8"):
                return None
        except OSError as error:
            return error if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else None

    def _acquired(self) -> bool:
        try:
            Path(self._folder).mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except (OSError, NotImplementedError) as error:
            if not has_no_locks(error):
                raise ArtifactError(_unwritable(self._folder, error)) from None
            self._warn()
        return True

    def _warn(self) -> None:
        print(
            f"dropscape: files in {self._folder} cannot be locked on this file system: see to it that no other run "
            "works there.",
            file=sys.stderr,
        )


def refuse_missing_commands(commands: Sequence[str]) -> None:
    """Raise a ConfigurationError if a command of the scheduler is not there, without which its executor would hang."""
    if missing := [command for command in commands if shutil.which(command) is None]:
        raise ConfigurationError(
            f"The profile submits to SLURM, but this machine has no {' and no '.join(missing)}: start it on a login "
            "node of the cluster, or take another profile (PROFILE=default)."
        )


def _unwritable(folder: str, error: OSError) -> str:
    return (
        f"{folder} cannot be written ({error.strerror}): make room or give yourself the right to write there, or write "
        "another `results` folder in the configuration."
    )
