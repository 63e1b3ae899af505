"""Ends a job whose workflow was killed, so that its checkpoint and its files are there for the next run.

It would go on otherwise: its result would be made again, because nobody is left to say that it is complete, and the
next run would meet it at work in the same files.
"""

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil

SECONDS = 1.0  # between two looks


def end_without_workflow(name: str) -> None:
    """End this process, the job ``name``, soon after a process of the workflow above it has died; it may have none."""
    above = [process for process in psutil.Process().parents() if _is_workflow(_command(process))]
    if above:
        threading.Thread(target=_watch, args=(above, name), daemon=True).start()


def _watch(above: Sequence[psutil.Process], name: str) -> None:
    while all(map(_alive, above)):
        threading.Event().wait(SECONDS)
    said = f"dropscape: {name} ends, because its workflow was killed; run the same command again."
    print(said, file=sys.stderr, flush=True)
    os._exit(1)  # as abrupt as what killed the workflow: every file is whole or absent at any time


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _is_workflow(command: Sequence[str]) -> bool:
    """Tell whether it is Snakemake itself, not what started it, which may end before it does."""
    python, *arguments = [Path(word).name for word in command] or [""]
    return python.startswith("python") and "snakemake" in arguments
