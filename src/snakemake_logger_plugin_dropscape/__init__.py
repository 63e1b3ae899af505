"""One line for a whole run (``snakemake --logger dropscape``): jobs, time left, claims judged so far; failures in full.

On a terminal the line is renewed in place; elsewhere it is written anew now and then. What Snakemake says of each job
stands in its own log file, ``.snakemake/log``.
"""

import csv
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from logging import ERROR, WARNING, LogRecord
from pathlib import Path
from threading import Thread
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

SECONDS_BETWEEN_LINES = 60.0  # where there is no terminal
# Seconds that each job is expected to take, by Snakemake's number of it.
FORECASTS: dict[int, float] = {}
_handlers: list["LogHandler"] = []  # Snakemake imports this module also where it is not the logger


def forecast(asked: Mapping[str, Any]) -> None:
    """Fill ``FORECASTS`` beside the run with what ``dropscape.cost_model.seconds`` answers, for a line to fill."""
    if not _handlers:
        return

    def ask() -> None:
        command = [sys.executable, "-m", "dropscape.cost_model.seconds"]
        with suppress(OSError, ValueError):
            done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True)
            FORECASTS.update({int(job): seconds for job, seconds in json.loads(done.stdout).items()})

    Thread(target=ask, daemon=True).start()


class Progress:
    """What is known of a run while it is at work.

    Args:
        total: its jobs.
        cores: how many run at once, which decides the time left until some have ended.
    """

    def __init__(self, total: int, cores: int, forecasts: Mapping[int, float]):
        self.total, self.cores, self.forecasts = total, cores, forecasts
        self.ended: set[int] = set()
        self.claims: dict[str, Counter[str]] = {}
        self.started = time.monotonic()

    def seconds_left(self) -> float | None:
        """As long as the forecasts say, at the pace of the jobs that have ended; None without forecasts."""
        whole = sum(self.forecasts.values())
        done = sum(self.forecasts.get(job, 0.0) for job in self.ended)
        if not whole:
            return None
        # Of the first few per cent nothing follows: they are short jobs, side by side with long ones.
        pace = (time.monotonic() - self.started) / done if done > 0.05 * whole else 1 / self.cores
        return (whole - done) * pace

    def line(self) -> str:
        """Such as ``120 of 370 jobs, 9 min 10 s left; claims so far: 31 hold, 3 fail, 12 not judged``."""
        parts, left = [f"{len(self.ended)} of {self.total} jobs"], self.seconds_left()
        if left is not None and len(self.ended) < self.total:
            # Not above: Snakemake imports every plugin first, before the workflow says which clone's library it takes.
            from dropscape.numerics.progress import duration

            parts.append(f"{duration(left)} left")
        counts = sum(self.claims.values(), Counter())
        words = {"holds": "hold", "fails": "fail", "not judged": "not judged"}
        judged = ", ".join(f"{counts[verdict]} {word}" for verdict, word in words.items() if counts[verdict])
        return ", ".join(parts) + (f"; claims so far: {judged}" if judged else "")

    def count_claims(self, table: Path) -> None:
        """Count the verdicts of a study's claims."""
        with table.open(encoding="utf-8", newline="") as file:
            self.claims[table.name] = Counter(row["verdict"] for row in csv.DictReader(file))


class LogHandler(LogHandlerBase):
    """Snakemake gives it every event of the run."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        _handlers.append(self)
        self._progress: Progress | None = None
        self._cores, self._written, self._live = 1, 0.0, None
        self._claims: dict[int, Path] = {}
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.status import Status

            self._live = Status("", console=Console(stderr=True))

    def emit(self, record: LogRecord) -> None:
        """Take in an event; say what is not usual at once, and the line where it is due."""
        event = getattr(record, "event", None)
        if event == LogEvent.RESOURCES_INFO and getattr(record, "cores", None):
            self._cores = int(record.cores)
        elif event == LogEvent.RUN_INFO:
            self._progress = Progress(record.stats["total"], self._cores, FORECASTS)
            if self._live:
                self._live.start()
        elif event == LogEvent.JOB_INFO and record.rule_name == "claims":
            self._claims[record.jobid] = Path(record.output[0])
        elif event == LogEvent.JOB_FINISHED and self._progress:
            self._progress.ended.add(record.job_id)
            if record.job_id in self._claims:
                self._progress.count_claims(self._claims[record.job_id])
            self._show()
        elif event == LogEvent.JOB_ERROR:
            self._say(failure(record.rule_name, record.log))
        elif record.levelno >= ERROR or (record.levelno >= WARNING and event is None):
            self._say(self.format(record))

    def close(self) -> None:
        """Leave the line as it is at the end."""
        if self._live:
            self._live.stop()
        if self._progress and self._progress.ended:
            print(self._progress.line(), file=sys.stderr, flush=True)
            self._progress = None
        super().close()

    def _show(self) -> None:
        if self._live:
            self._live.update(self._progress.line())
        elif time.monotonic() - self._written >= SECONDS_BETWEEN_LINES:
            self._written = time.monotonic()
            print(self._progress.line(), file=sys.stderr, flush=True)

    def _say(self, text: str) -> None:
        if text.strip():
            # Over the line, which stands below it again.
            self._live.console.print(text, markup=False) if self._live else print(text, file=sys.stderr, flush=True)


def failure(rule: str, logs: Sequence[str]) -> str:
    """What a failed job said: the last of its own sentences, or where its log is."""
    log = next((Path(path) for path in logs if Path(path).is_file()), None)
    if log is None:
        return f"A job of {rule} failed without a log."
    said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line]
    own = [line for line in said if line.startswith("dropscape: ")]
    return own[-1] if own else "\n".join([f"A job of {rule} failed (log: {log}):", *said[-5:]])
