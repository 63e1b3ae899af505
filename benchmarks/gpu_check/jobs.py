"""Jobs on the device: two side by side, and one that finds no memory."""

import contextlib
import io
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from unittest import mock

import torch

from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import DEVICE, Machine
from dropscape.jobs import Job, perform, reported

ROOT = Path(__file__).parents[2]


class _Worker:
    """Another process, which trains the small network when it is told to."""

    def __init__(self, machine: Machine, steps: int):
        command = [sys.executable, "-m", "benchmarks.gpu_check.worker", str(steps), *machine.options]
        command += ["--quick"] if machine.quick else []
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # A process that hangs must not hold up the other checks.
        self._end = threading.Timer(120, self._process.kill)
        self._end.start()

    def wait(self) -> float:
        """Wait for a number that it says."""
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a process that trains beside another one has ended early")
        return float(line)

    def begin(self) -> None:
        """Let it train."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Let it go."""
        self._end.cancel()
        self._process.stdin.close()
        self._process.wait(20)


def side_by_side(machine: Machine) -> list[Line]:
    """Train in one process, then in two at once; both finish in less than twice the time if they share well."""
    steps = machine.size(5_000, 4)
    workers = [_Worker(machine, steps) for _ in range(2)]
    try:
        for worker in workers:
            worker.wait()
        workers[0].begin()
        alone = workers[0].wait()
        for worker in workers:
            worker.begin()
        together = max(worker.wait() for worker in workers)
    finally:
        for worker in workers:
            worker.end()
    return [
        Line("a training in a process alone", seconds=alone, note=f"{steps / alone:,.0f} steps a second"),
        Line(
            "two in two processes",
            seconds=together,
            note=f"{2 * steps / together:,.0f} steps a second of both, {2 * alone / together:.2f} times as many",
        ),
    ]


def out_of_memory(machine: Machine) -> Line:
    """Ask for more memory than there is, as a job; it has to end with one sentence, and the device must go on."""

    def stage(_job: Job) -> None:
        if machine.pretended:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1024.00 GiB.")
        torch.empty(torch.cuda.mem_get_info()[1] * 2, dtype=torch.uint8, device=DEVICE)

    said, threads = io.StringIO(), torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(sys, "stderr", said):
        job = Job("training", "check", {"micro_batch": 128}, {}, {})
        with contextlib.suppress(SystemExit), reported("training check", str(Path(folder, "log"))):
            perform(stage, job)
    torch.set_num_threads(threads)
    assert torch.ones(3, device=DEVICE).sum().item() == 3
    sentence = said.getvalue().strip()
    failed = "" if "memory" in sentence and "Traceback" not in sentence else f"no sentence: {sentence[-200:]}"
    return Line("out of memory is said in a sentence", failed=failed, note=sentence.split("\n")[-1])


CHECKS = {"two jobs side by side": side_by_side, "out of memory": out_of_memory}
