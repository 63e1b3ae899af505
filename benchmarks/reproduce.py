"""The quick scale as `make reproduce` runs it, from an installed environment, against its promised 30 minutes."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Row
from dropscape.report.summary import stage_times

PROMISED_SECONDS = 1800.0  # installing, which is not measured here, included
ROOT = Path(__file__).parents[1]


def rows(n: int = 0, threads: int = 1) -> list[Row]:
    """One row for the whole and one a stage (seconds of its jobs, of which as many as there are cores run at once).

    ``n`` and ``threads`` are the other benchmarks' and have no meaning here.
    """
    with tempfile.TemporaryDirectory() as results:
        command = ["-m", "snakemake", "--cores", "all", "--nolock", "--config", "scale=quick", f"results={results}"]
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        stages = stage_times(Path(results) / "quick")
    nan = float("nan")
    total = Row(
        "the quick scale", "snakemake", "promise", seconds, PROMISED_SECONDS, PROMISED_SECONDS / seconds, 1.0, nan, ""
    )
    return [
        total,
        *(
            Row(f"stage {stage}", "snakemake", "-", spent, nan, nan, nan, nan, f"{jobs} jobs")
            for stage, jobs, spent in stages.itertuples(index=False)
        ),
    ]
