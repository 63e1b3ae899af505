"""Shares the GPUs of a machine out among the jobs that run on it side by side, some slots of one GPU to each.

Small jobs mostly launch kernels and leave a GPU idle, so that several share one; a job takes as many of a GPU's equal
slots as its memory needs. It holds each by an exclusive lock on a file. The kernel frees the lock when the job ends,
however it ends, so that no slot stays taken. Under a scheduler that gives each job a GPU every job sees only that one
and takes it at once.
"""

import itertools
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import Timeout

from dropscape.kernel_lock import kernel_lock

VISIBLE = "CUDA_VISIBLE_DEVICES"
LIST = ("nvidia-smi", "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits")


@contextmanager
def gpu_share(slots: int = 1, mega_bytes: float = 0) -> Iterator[None]:
    """Show CUDA one of the visible GPUs inside, of which ``slots`` jobs of this user on this machine hold a share.

    Waits while there is no share of ``mega_bytes``. Does nothing where no GPU is visible. Enter it before CUDA is used.
    """
    gpus = visible_gpus()
    if not gpus:
        yield
        return
    before = os.environ.get(VISIBLE)
    folder = Path(tempfile.gettempdir()) / f"dropscape-gpus-{os.getuid()}"
    with held_share(gpus, folder, slots, mega_bytes) as gpu:
        os.environ[VISIBLE] = gpu
        try:
            yield
        finally:
            if before is None:
                del os.environ[VISIBLE]
            else:
                os.environ[VISIBLE] = before


def visible_gpus() -> dict[str, float]:
    """List the GPUs that this process may use with their memory in MiB, infinite where the driver does not say it.

    Each has the name that it has for all processes if possible. That is its UUID: a number counts the GPUs that the
    scheduler shows, and so means another one in each of its jobs.
    """
    listed = _listed()
    allowed = os.environ.get(VISIBLE)
    if allowed is None:
        return dict(listed.values())
    known = listed | {uuid: (uuid, memory) for uuid, memory in listed.values()}
    names = [name.strip() for name in allowed.split(",")]
    return dict(known.get(name, (name, math.inf)) for name in names if name not in ("", "-1"))


@contextmanager
def held_share(
    gpus: Mapping[str, float], folder: Path, slots: int = 1, mega_bytes: float = 0, poll_seconds: float = 0.5
) -> Iterator[str]:
    """Lock as many of the ``slots`` of one of the ``gpus`` (memory by name) as ``mega_bytes`` need; wait for them.

    The GPU with the most free slots is asked first, so that jobs spread.
    A job that needs several closes the entry of a GPU until it has them, so that those which need one cannot take them
    away from it one by one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for attempt in itertools.count():
        free = {gpu: _free_slots(folder / gpu.replace("/", "-"), slots) for gpu in gpus}
        for gpu, memory in sorted(gpus.items(), key=lambda item: -free[item[0]]):
            file, needed = folder / gpu.replace("/", "-"), min(slots, max(1, math.ceil(slots * mega_bytes / memory)))
            left = [f"{file}.{slot}" for slot in range(slots)]
            with ExitStack() as entry, ExitStack() as held:
                if not _locked(f"{file}.entry", entry):
                    continue
                while slots - len(left) < needed:
                    slot = next((slot for slot in left if _locked(slot, held)), None)
                    if slot:
                        left.remove(slot)
                    elif needed > 1 and attempt:  # and no GPU had enough slots at once
                        time.sleep(poll_seconds)
                    else:
                        break
                else:
                    entry.close()
                    yield gpu
                    return
        if not attempt:
            print(f"Other jobs hold every GPU here ({len(gpus)}); this one waits for its turn.", file=sys.stderr)
        time.sleep(poll_seconds)


def _free_slots(file: Path, slots: int) -> int:
    with ExitStack() as held:
        return sum(_locked(f"{file}.{slot}", held) for slot in range(slots))


def _locked(path: str, held: ExitStack) -> bool:
    """Lock a file until ``held`` is closed, unless another job holds it."""
    lock = kernel_lock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    held.callback(lock.release)
    return True


def _listed() -> dict[str, tuple[str, float]]:
    """Ask the driver for UUID and memory of each GPU, by its number; none without a driver."""
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(LIST, capture_output=True, text=True, check=True, timeout=60).stdout
        rows = [[value.strip() for value in line.split(",")] for line in listed.splitlines()]
        # A GPU that shares the processor's memory has "[N/A]" of its own.
        return {row[0]: (row[1], float(row[2]) if row[2].isdecimal() else math.inf) for row in rows if len(row) == 3}
    return {}
