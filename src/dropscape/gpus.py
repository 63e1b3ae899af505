"""One GPU for one job: the GPUs of a machine are shared out among the jobs that run on it side by side.

A job holds a GPU by an exclusive lock on a file named after it. The kernel frees the lock when the job ends, however it
ends, so that no GPU stays taken. Under a scheduler that gives each job its own GPU every job sees only that one and
takes it at once.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

VISIBLE = "CUDA_VISIBLE_DEVICES"
LIST = ("nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader")


@contextmanager
def one_gpu() -> Iterator[None]:
    """Inside, CUDA sees one of the visible GPUs, which no other job of this user on this machine holds.

    Waits while all are held. Where no GPU is visible there is nothing to share out. Enter it before CUDA is used.
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
    """The GPUs that this process may use, each by the name that it has for all processes of the machine if possible.

    That is its UUID: a number counts the GPUs that the scheduler shows, and so means another one in each of its jobs.
    """
    uuids = _uuids()
    allowed = os.environ.get(VISIBLE)
    if allowed is None:
        return list(uuids.values())
    return [uuids.get(name, name) for name in (part.strip() for part in allowed.split(",")) if name not in ("", "-1")]


@contextmanager
def held_one(gpus: Sequence[str], folder: Path, poll_seconds: float = 0.5) -> Iterator[str]:
    """The first of the ``gpus`` that can be had, locked in ``folder``; waits while others hold all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    said = False
    while True:
        for gpu in gpus:
            if lock := _lock(folder / gpu.replace("/", "-")):
                with lock:
                    yield gpu
                return
        if not said:
            print(f"Other jobs hold every GPU here ({len(gpus)}); this one waits for its turn.", file=sys.stderr)
            said = True
        time.sleep(poll_seconds)


def _lock(path: Path) -> TextIO | None:
    file = open(path, "w")  # noqa: SIM115  (it stays open while the GPU is held)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _uuids() -> dict[str, str]:
    """UUID of each GPU that the driver shows, by its number; none without a driver."""
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(LIST, capture_output=True, text=True, check=True, timeout=60).stdout
        return dict(tuple(part.strip() for part in line.split(",")) for line in listed.splitlines() if "," in line)
    return {}
