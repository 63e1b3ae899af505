"""A file system of its own, which a test can let be full or make read-only."""

import os
import shutil
import subprocess
from pathlib import Path


class Disk:
    """A file system in memory, mounted at ``folder``."""

    def __init__(self, folder: Path):
        self.folder = folder

    def mount(self) -> str | None:
        """Why it cannot be mounted; None if it is."""
        self.folder.mkdir(parents=True)
        command = ("mount", "-t", "tmpfs", "tmpfs", self.folder)
        if shutil.which("mount") is None:
            return "there is no program mount"
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stderr.strip() if done.returncode else None

    def unmount(self) -> None:
        """Give its memory back."""
        subprocess.run(("umount", "--lazy", self.folder), check=True)

    def leave(self, size: int) -> None:
        """Leave so many bytes, in whole pages."""
        state = os.statvfs(self.folder)
        self._remount(f"size={(state.f_blocks - state.f_bfree) * state.f_frsize + size}")

    def make_read_only(self) -> None:
        """Take the right to write away, from administrators too."""
        self._remount("ro")

    def _remount(self, option: str) -> None:
        subprocess.run(("mount", "-o", f"remount,{option}", self.folder), check=True)
