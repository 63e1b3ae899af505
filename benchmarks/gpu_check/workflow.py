"""Twelve targets of the workflow with a GPU and without, whose tables have to agree."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.gpu_check.jobs import ROOT
from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import Machine
from dropscape.artifacts.files import read_table
from dropscape.commands.run import Run, environment

SECONDS = 180  # until it is given up, or earlier where all is to be done
# How far the numbers of a column may be apart, together; after many steps trainings in float32 part.
TARGETS = {
    "training/mnist_fnn/keep0.9-lr0.1/history.csv": 1e-2,
    "curvature/mnist_fnn/keep0.9-lr0.1/summary.csv": 1e-2,
    "flatness/mnist_fnn/keep0.9-lr0.1/interval.csv": 1e-1,
    "noise/mnist_fnn/keep0.9-lr0.1/alignment.csv": 1e-2,
    "training/mnist_two_layer/dropout-keep0.8-lr0.01/history.csv": 1e-2,
    "training/cifar10_vgg9/dropout/history.csv": 2e-2,
    "flatness/cifar10_vgg9/dropout/slices.csv": 2e-2,
    "training/multi30k_transformer/dropout/history.csv": 1e-2,
    "curvature/multi30k_transformer/dropout/summary.csv": 1e-1,
    "sampling/cifar10_vgg9_rates/rate0.02/ratios.csv": 2e-2,
    "equations/mnist_7x7/trajectories.csv": 1e-3,
    "subnetworks/mnist_cnn_random/width24.csv": 5e-2,
}
# The two sides of a direction change places with its sign, which has no meaning.
SIDES = ("left", "right")


def targets(machine: Machine) -> list[Line]:
    """Make the targets in both ways, one beside the other, and compare the tables."""
    cores = max(1, (os.cpu_count() or 2) // 2)
    # A pretended GPU is none for other processes: then other sums, of two threads, stand for it.
    ways = {
        "cpu": {"DEVICE": "cpu"},
        "cuda": {"DEVICE": "cpu", "THREADS": "2"} if machine.pretended else {"DEVICE": "cuda", "PROFILE": "gpu"},
    }
    began, lines = time.monotonic(), []
    until = min(began + (3 if machine.pretended else 1) * SECONDS, machine.until)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        running = {way: _started(given, Path(folder, way), cores) for way, given in ways.items()}
        for way, process in running.items():
            _ended(process, until, Path(folder, f"{way}.log"))
        seconds = time.monotonic() - began
        for target, limit in TARGETS.items():
            one, other = (read_table(str(Path(folder, way, "smoke", target))) for way in ("cuda", "cpu"))
            difference, column = apart(one, other)
            lines.append(Line(f"workflow: {target.rpartition('/')[0]}", difference, limit, note=column))
    lines[0].seconds = seconds
    return lines


def _started(given: dict[str, str], results: Path, cores: int) -> subprocess.Popen:
    run = Run({"SCALE": "smoke", "RESULTS": str(results), "CORES": str(cores), **given})
    command = run.snakemake("--directory", str(ROOT), "--", *(str(results / "smoke" / name) for name in TARGETS))
    with results.with_suffix(".log").open("w") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def _ended(process: subprocess.Popen, until: float, log: Path) -> None:
    try:
        process.wait(max(1.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        raise TimeoutError(f"the workflow takes too long; the log ends: {_end(log)}") from None
    if process.returncode:
        raise RuntimeError(f"the workflow failed; the log ends: {_end(log)}")


def _end(log: Path) -> str:
    said = [line.strip() for line in log.read_text().splitlines() if line.strip()]
    stopped = [line for line in said if line.startswith("dropscape:")]
    return " | ".join((stopped or said)[-4:])


def apart(one: pd.DataFrame, other: pd.DataFrame) -> tuple[float, str]:
    """Measure how far the numbers of a column are apart, together and relatively; the largest, and its column."""
    if list(one) != list(other) or len(one) != len(other):
        return float("inf"), f"other columns or rows: {one.shape} and {other.shape}"
    found = {"": 0.0}
    for name in other.select_dtypes("number"):
        if name not in SIDES:
            a, b = (table[name].to_numpy(np.float64) for table in (one, other))
            both = np.isfinite(a) & np.isfinite(b)
            size = np.linalg.norm(b[both])
            found[name] = float(np.linalg.norm(a[both] - b[both]) / size) if size else float(np.linalg.norm(a[both]))
            if (np.isfinite(a) != np.isfinite(b)).mean() > 0.1:
                found[name] = float("inf")
    column = max(found, key=found.get)
    return found[column], f"most in {column}" if column else ""


CHECKS = {"workflow": targets}
