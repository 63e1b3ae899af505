"""One workflow at a time in a folder of results."""

from pathlib import Path

from filelock import Timeout

from dropscape.errors import ArtifactError
from dropscape.kernel_lock import kernel_lock


class RunLock:
    """The lock of a folder of results.

    Snakemake's own lock outlives a kill -9 and then needs --unlock; the kernel frees this one.

    Args:
        folder: of the results; it is made if it is not there.

    Raises:
        ArtifactError: the folder cannot be written.
    """

    def __init__(self, folder: str):
        self._folder = folder
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtifactError(unwritable(folder, error)) from None
        self._lock = kernel_lock(f"{folder}/.lock")

    def hold(self) -> None:
        """Hold the folder until this process ends.

        Raises:
            ArtifactError: another workflow holds it, or it cannot be written.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ArtifactError(
                f"Another run is at work in {self._folder}: wait until it has ended, or write another `results` folder."
            ) from None
        except OSError as error:
            raise ArtifactError(unwritable(self._folder, error)) from None

    def is_free(self) -> bool:
        """Whether no other workflow holds the folder.

        Raises:
            ArtifactError: it cannot be written.
        """
        try:
            with self._lock.acquire(timeout=0):
                return True
        except Timeout:
            return False
        except OSError as error:
            raise ArtifactError(unwritable(self._folder, error)) from None


def unwritable(folder: str, error: OSError) -> str:
    """The sentence about a folder of results that cannot be written."""
    return (
        f"{folder} cannot be written ({error.strerror}): make room or give yourself the right to write there, or write "
        "another `results` folder in the configuration."
    )
