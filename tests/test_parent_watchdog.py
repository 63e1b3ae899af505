"""A job ends when the workflow above it is killed, and only then."""

import os
import subprocess
import sys
import time

import psutil
import pytest

JOB = """
import sys, time
from dropscape.jobs import reported
with reported("training a/b", sys.argv[1]):
    print("at work", file=sys.stderr, flush=True)
    time.sleep(600)
"""
# A shell stands between a workflow and its jobs.
WORKFLOW = """
import subprocess, sys
subprocess.run(f"{sys.executable} job.py {sys.argv[1]}; true", shell=True)
"""
SECONDS = 60  # a job that does not end; an ending one takes two


@pytest.fixture
def started(tmp_path):
    """Start a workflow under a name with a job; the two processes, when the job is at work."""
    (tmp_path / "job.py").write_text(JOB)
    processes = []

    def start(name):
        (tmp_path / name).write_text(WORKFLOW)
        log = tmp_path / f"{name}.log"
        workflow = subprocess.Popen(
            [sys.executable, str(tmp_path / name), str(log)], cwd=tmp_path, stderr=subprocess.DEVNULL
        )
        processes.append(psutil.Process(workflow.pid))
        wait_until(lambda: log.exists() and "at work" in log.read_text())
        processes.extend(children := processes[-1].children(recursive=True))
        (job,) = (child for child in children if "job.py" in child.cmdline())
        return workflow, job, log

    yield start
    for process in processes:
        if process.is_running():
            process.kill()


def wait_until(done):
    end = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def ended(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_job_ends_when_its_workflow_is_killed(started):
    workflow, job, log = started("snakemake")
    workflow.kill()
    workflow.wait()
    wait_until(lambda: ended(job))
    assert "training a/b ends, because its workflow was killed; run the same command again" in log.read_text()


def test_a_job_outlives_anything_else_that_started_it(started):
    other, job, log = started("shell")
    other.kill()
    other.wait()
    time.sleep(2)
    assert not ended(job)
    assert log.read_text() == "at work\n"


def test_without_a_workflow_nobody_is_watched():
    assert not [word for word in psutil.Process(os.getppid()).cmdline() if word.endswith("snakemake")]
    from dropscape.parent_watchdog import end_without_workflow

    before = psutil.Process().num_threads()
    end_without_workflow("data mnist")
    assert psutil.Process().num_threads() == before
