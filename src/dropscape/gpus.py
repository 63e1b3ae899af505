"""Shares the GPUs of a machine out among the jobs that run on it side by side, one to each.

A job holds a GPU by an exclusive lock on a file named after it. The kernel frees the lock when the job ends, however it
ends, so that no GPU stays taken. Under a scheduler that gives each job a GPU every job sees only that one and takes it
at once.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import Timeout

from dropscape.kernel_lock import kernel_lock

VISIBLE = "CUDA_VISIBLE_DEVICES"
LIST = ("nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader")


@contextmanager
def one_gpu() -> Iterator[None]:
    """Show CUDA one of the visible GPUs inside, which no other job of this user on this machine holds.

    Waits while all are held. Does nothing where no GPU is visible. Enter it before CUDA is used.
    """
    gpus = visible_gpus()
    if not gpus:
        yield
        return
    before = os.environ.get(VISIBLE)
    with held_one(gpus, Path(tempfile.gettempdir()) / f"dropscape-gpus-{os.getuid()}") as gpu:
        os.environ[VISIBLE] = gpu
        try:
            yield
        finally:
            if before is None:
                del os.environ[VISIBLE]
            else:
                os.environ[VISIBLE] = before


def visible_gpus() -> list[str]:
    """List the GPUs that this process may use, each by the name that it has for all processes if possible.

    That is its UUID: a number counts the GPUs that the scheduler shows, and so means another one in each of its jobs.
    """
    uuids = _uuids()
    allowed = os.environ.get(VISIBLE)
    if allowed is None:
        return list(uuids.values())
    names = [name.strip() for name in allowed.split(",")]
    return [uuids.get(name, name) for name in names if name not in ("", "-1")]


@contextmanager
def held_one(gpus: Sequence[str], folder: Path, poll_seconds: float = 0.5) -> Iterator[str]:
    """Lock the first free one of the ``gpus`` in ``folder``; wait while others hold all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    locks = {gpu: kernel_lock(folder / gpu.replace("/", "-")) for gpu in gpus}
    said = False
    while True:
        for gpu, lock in locks.items():
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield gpu
                return
            finally:
                lock.release()
        if not said:
            print(f"Other jobs hold every GPU here ({len(gpus)}); this one waits for its turn.", file=sys.stderr)
            said = True
        time.sleep(poll_seconds)


def _uuids() -> dict[str, str]:
    """Ask the driver for the UUID of each GPU, by its number; none without a driver."""
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(LIST, capture_output=True, text=True, check=True, timeout=60).stdout
        return dict(tuple(map(str.strip, line.split(","))) for line in listed.splitlines() if "," in line)
    return {}
