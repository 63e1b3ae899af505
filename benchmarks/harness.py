"""Timing side by side: the same work, alternated in one process, medians, and the memory of each in a fresh fork."""

import csv
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from dropscape.artifacts.provenance import processor
from dropscape.numerics.products import product

Work = Callable[[], object]
MIB = 2**20


@dataclass(frozen=True)
class Row:
    """One line of the table.

    ``ratio`` is ``peer_s / ours_s`` (above 1: ours is faster); ``limit`` the smallest ratio that the project promises,
    NaN where it promises none. ``peak_mib`` is what ours needs beyond what was resident before the call. Rows about
    an error hold errors instead of seconds in ``ours_s`` and ``peer_s`` and say so in ``note``.
    """

    benchmark: str
    ours: str
    peer: str
    ours_s: float
    peer_s: float
    ratio: float
    limit: float
    peak_mib: float
    note: str

    @property
    def kept(self) -> bool:
        """Whether the promise, if any, is kept."""
        return not self.ratio < self.limit

    @property
    def verdict(self) -> str:
        """Whether the promise is kept: ``ok`` or ``SHORT``; empty where there is none."""
        return "" if self.limit != self.limit else "ok" if self.kept else "SHORT"

    def announced(self) -> "Row":
        """The row, after a line that says it as soon as it is measured."""
        promised = f", limit {self.limit:g}: {self.verdict}" if self.verdict else ""
        print(
            f"{self.benchmark}: {self.ours} {self.ours_s:.3g}, {self.peer} {self.peer_s:.3g}, "
            f"ratio {self.ratio:.3g}{promised}",
            flush=True,
        )
        return self


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Torch's intra-operation threads, and those of numpy's and scipy's products, for the duration of the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def _seconds(work: Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_seconds(work: Work, repeats: int = 5) -> float:
    """Of ``repeats`` runs after one warm-up run."""
    work()
    return statistics.median(_seconds(work) for _ in range(repeats))


def compare(
    benchmark: str,
    ours: tuple[str, Work],
    peers: Mapping[str, Work],
    repeats: int = 5,
    limits: Mapping[str, float] | None = None,
    note: str = "",
    scales: Mapping[str, float] | None = None,
    measure_memory: bool = True,
) -> list[Row]:
    """One row a peer: medians of ``repeats`` alternated runs after one warm-up run of each.

    Args:
        limits: the promised ratio of a peer, by name.
        scales: factor by which a peer's measured time is multiplied, for a peer that was given a stated exact
            fraction of the work. The row's note says it.
        measure_memory: also run ours once more in a fork to measure its peak memory.
    """
    limits, scales = dict(limits or {}), dict(scales or {})
    works = {None: ours[1], **peers}
    for work in works.values():
        work()
    times: dict[str | None, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            times[name].append(_seconds(work))
    medians = {name: statistics.median(values) for name, values in times.items()}
    peak = peak_memory_mib(ours[1]) if measure_memory else float("nan")
    rows = []
    for name in peers:
        scale = scales.get(name, 1.0)
        peer_s = medians[name] * scale
        remark = f"peer timed on 1/{scale:g} of the work, scaled" if scale != 1.0 else ""
        rows.append(
            Row(
                benchmark=benchmark,
                ours=ours[0],
                peer=name,
                ours_s=medians[None],
                peer_s=peer_s,
                ratio=peer_s / medians[None],
                limit=limits.get(name, float("nan")),
                peak_mib=peak,
                note="; ".join(text for text in (f"{torch.get_num_threads()} threads", note, remark) if text),
            ).announced()
        )
    return rows


def bound_row(benchmark: str, ours: str, value: float, peer: str, bound: float, unit: str, note: str = "") -> Row:
    """A row about an error or a size instead of a time: ``bound / value`` has to be at least 1."""
    ratio = bound / value if value else float("inf")
    remark = "; ".join(text for text in (f"{unit}, not seconds", note) if text)
    return Row(benchmark, ours, peer, value, bound, ratio, 1.0, float("nan"), remark).announced()


def error_row(benchmark: str, ours: str, error: float, peer: str, bound: float, note: str = "") -> Row:
    """A ``bound_row`` of errors."""
    return bound_row(benchmark, ours, error, peer, bound, "errors", note)


def _status_kib(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}")


def peak_memory_mib(work: Work) -> float:
    """Extra peak resident memory of one call, in MiB; NaN where the system is not Linux.

    The call runs in a fork, single-threaded: worker threads do not survive a fork. A first call there makes the code it
    runs resident, which is not its need. Then the C library gives freed memory back, which would hide a need, and
    writing 5 to ``clear_refs`` resets the peak for the second call, which counts.
    """
    if not Path("/proc/self/clear_refs").exists():
        return float("nan")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            torch.set_num_threads(1)
            work()
            _return_freed_memory()
            Path("/proc/self/clear_refs").write_text("5")
            before = _status_kib("VmRSS")
            work()
            os.write(writer, str(_status_kib("VmHWM") - before).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        raise RuntimeError("the measured call failed in its fork; run it directly to see why")
    return int(answer) * 1024 / MIB


def _return_freed_memory() -> None:
    import ctypes

    ctypes.CDLL(None).malloc_trim(0)


def pace() -> str:
    """How fast the machine is now, to read ratios by: its matrix products on torch's threads, and its clock."""
    left, right = torch.rand(2, 1024, 1024)
    seconds = median_seconds(lambda: product(left, right), 9)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    clocks = [float(line.split(":", 1)[1]) for line in lines if "MHz" in line]
    clock = f", clock {statistics.mean(clocks):.0f} MHz" if clocks else ""
    return f"{2 * 1024**3 / seconds / 1e9:.0f} GF/s in float32 products of 1024 x 1024{clock}"


def environment() -> dict[str, str]:
    """What the numbers depend on: processor, cores, threads, versions."""
    return {
        "cpu": processor(),
        "pace": pace(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def write_table(rows: Sequence[Row], path: str | Path) -> None:
    """Writes the rows as csv, first line the columns."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def print_table(rows: Sequence[Row]) -> None:
    """Prints the rows in aligned columns; a kept promise ends in ``ok``, a broken one in ``SHORT``."""
    header = ("benchmark", "ours", "peer", "ours_s", "peer_s", "ratio", "limit", "peak_mib", "", "note")
    lines = [header]
    for row in rows:
        lines.append(
            (
                row.benchmark,
                row.ours,
                row.peer,
                f"{row.ours_s:.3g}",
                f"{row.peer_s:.3g}",
                f"{row.ratio:.3g}",
                f"{row.limit:g}" if row.verdict else "-",
                f"{row.peak_mib:.0f}" if row.peak_mib == row.peak_mib else "-",
                row.verdict,
                row.note,
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(header) - 1)]
    for line in lines:
        print("  ".join([cell.ljust(width) for cell, width in zip(line, widths, strict=False)] + [line[-1]]))
