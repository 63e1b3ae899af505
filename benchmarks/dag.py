"""Snakemake on some 10,000 jobs: building the graph against 60 s, and finding nothing to do against 90 s.

Paper A's small network with 1,250 runs of eight jobs each, none of which is run: their files are empty, and Snakemake
records them as done. Seconds are those of the processor (user and system), because one core does all of it.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.harness import Row

ROOT = Path(__file__).parents[1]
JOBS = 10_000
BUILT_SECONDS, UNCHANGED_SECONDS = 60.0, 90.0
# Snakemake that records every job as done with the files that are there, as if it had just ended.
RECORD = """
import sys
import snakemake.scheduling.job_scheduler as scheduler
from snakemake.cli import main

def record(self):
    async def everything():
        for job in self.workflow.dag.jobs:
            await self.workflow.persistence.finished(job)
    self.workflow.async_run(everything())
    return True

scheduler.JobScheduler.schedule = record
main(sys.argv[1:])
"""


def rows(n: int = JOBS, threads: int = 1) -> list[Row]:
    """The graph of some ``n`` jobs built and listed, and built with nothing to do; ``threads`` has no meaning here."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for part in ("config", "src", "workflow", "envs"):
            shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        (project / "many.yaml").write_text(yaml.safe_dump(many_runs(n // 8)))
        listed, built = run(project, "-m", "snakemake", "--dry-run")
        outputs = re.findall(r"^    output: (.*)$", listed, flags=re.MULTILINE)
        for path in ", ".join(outputs).split(", "):
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).touch()
        (project / "record.py").write_text(RECORD)
        run(project, "record.py", "--touch", "--forceall", "--quiet")
        said, unchanged = run(project, "-m", "snakemake")
        assert "Nothing to be done" in said, said[-2000:]
    jobs = f"{len(outputs):,} jobs"
    return [
        row("graph of many jobs", built, BUILT_SECONDS, jobs),
        row("nothing to be done for many jobs", unchanged, UNCHANGED_SECONDS, jobs),
    ]


def many_runs(count: int) -> dict:
    """A configuration with so many runs of one experiment, or a few more."""
    keep_probs = [round(0.1 + 0.002 * step, 3) for step in range(25)]
    rates = [round(0.001 * step, 3) for step in range(1, 2 + count // len(keep_probs))]
    grid = {"keep{keep_prob}-lr{learning_rate}": {"keep_prob": keep_probs, "learning_rate": rates}}
    overrides = {"noise_structure": {"experiments": {"mnist_fnn": {"grid": grid}}}}
    return {"scale": "smoke", "studies": ["noise_structure"], "overrides": overrides}


def run(project: Path, *command: str) -> tuple[str, float]:
    """What a command prints in the project, and the processor's seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *command, "--cores", "1", "--configfile", "many.yaml"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": f"{project / 'src'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(name: str, seconds: float, promised: float, jobs: str) -> Row:
    """A line of the table."""
    return Row(name, "snakemake", "promise", seconds, promised, promised / seconds, 1.0, float("nan"), jobs)
