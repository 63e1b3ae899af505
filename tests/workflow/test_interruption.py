"""A killed training goes on from its state and ends with the bytes of one that was not killed."""

import os
import signal

import psutil
import pytest

from dropscape.artifacts.tensors import read_tensors
from dropscape.errors import ArtifactError
from tests.workflow.project import wait_until

RUN = "mnist_fnn/keep0.9-lr0.1"
STEPS_BEFORE, RECORDED_STEPS = 500, 1000
TARGET = f"results/smoke/training/{RUN}/model.safetensors"
SETTINGS = {
    "checkpoint_seconds": 0.05,
    "overrides": {
        "noise_structure": {
            "experiments": {
                "mnist_fnn": {"training": {"flow_time": STEPS_BEFORE * 0.1, "trajectory_steps": RECORDED_STEPS}}
            }
        }
    },
}
AGAIN = [
    f"results/smoke/{table.format('mnist_fnn/keep0.8-lr0.1')}"
    for table in ("noise/{}/projection.csv", "noise/{}/alignment.csv", "flatness/{}/interval.csv")
]
pytestmark = pytest.mark.needs(TARGET, *AGAIN)


def state_step(project) -> int:
    """The step of the saved state; -1 while there is none."""
    for path in project.path("results/smoke/.checkpoints/training").rglob("*.safetensors"):
        try:
            return read_tensors(path)[1]["step"]
        except ArtifactError:  # removed since it was listed
            return -1
    return -1


def killed_after(project, log, step, whom):
    """Start the training, wait until a new state after ``step`` is saved, and kill -9 ``whom``; see below."""
    step = max(step, state_step(project))
    process = project.start(log, TARGET, **SETTINGS)
    try:
        wait_until(lambda: state_step(project) > step, process, log)
        jobs = psutil.Process(process.pid).children(recursive=True)
        if whom == "all":
            os.killpg(process.pid, signal.SIGKILL)
        elif whom == "workflow":
            process.kill()
        else:
            for child in jobs:
                if any(part.endswith("training.py") for part in child.cmdline()):
                    child.kill()
        assert process.wait() != 0
        psutil.wait_procs(jobs, timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert state_step(project) > step
    assert not project.path(TARGET).exists()


@pytest.fixture(scope="module")
def uninterrupted(smoke, tmp_path_factory):
    project = smoke.clone_with_results(tmp_path_factory.mktemp("uninterrupted") / "copy")
    assert [job.name for job in project.succeeded(TARGET, **SETTINGS)] == [f"training {RUN}"]
    return project


def test_killed_training_goes_on_and_ends_bit_identical(smoke, uninterrupted, copy, tmp_path):
    log = tmp_path / "log"
    # Once the training alone, as the kernel does when memory runs out; Snakemake then sees a failed job.
    killed_after(copy, log, 0, "training")
    assert f"results/smoke/logs/training/{RUN}.log" in log.read_text()
    # Once Snakemake alone; the training that it leaves behind ends by itself.
    killed_after(copy, log, 0, "workflow")
    assert "ends, because its workflow was killed" in copy.path(f"results/smoke/logs/training/{RUN}.log").read_text()
    # Once everything at once, as a power cut does, while the trajectory is recorded.
    killed_after(copy, log, STEPS_BEFORE, "all")
    assert "goes on from step" in log.read_text()
    # The very same command then works, without --unlock, and goes on.
    done = copy.run(TARGET, **SETTINGS)
    assert done.returncode == 0, done.stdout
    (step,) = (int(line.split("step ")[1].split("/")[0]) for line in done.stdout.splitlines() if "goes on from" in line)
    assert step > STEPS_BEFORE
    assert copy.artifacts() == uninterrupted.artifacts()
    assert (
        uninterrupted.artifacts()[f"training/{RUN}/model.safetensors"]
        != smoke.artifacts()[f"training/{RUN}/model.safetensors"]
    )
    assert state_step(copy) == -1
    assert copy.pending(TARGET, **SETTINGS) == {}


def test_second_run_in_the_same_results_is_refused(copy, tmp_path):
    first = copy.start(tmp_path / "log", TARGET, **SETTINGS)
    try:
        wait_until(lambda: state_step(copy) >= 0, first, tmp_path / "log")
        # It waits, so that it is not over before the second run has looked, however busy the machine is.
        for child in psutil.Process(first.pid).children(recursive=True):
            child.suspend()
        second = copy.run(TARGET, **SETTINGS)
        assert first.poll() is None
        assert second.returncode != 0
        assert "Another run is at work in results/smoke" in second.stdout
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


def test_code_that_is_edited_while_a_run_is_at_work_is_run_afterwards(copy, tmp_path):
    """What a training of the old code wrote is not taken for the new code's, whoever reads the workflow meanwhile."""
    first = copy.start(tmp_path / "log", TARGET, **SETTINGS)
    try:
        wait_until(lambda: state_step(copy) >= 0, first, tmp_path / "log")
        suspended = psutil.Process(first.pid).children(recursive=True)
        for child in suspended:
            child.suspend()
        with copy.path("src/dropscape/training/stacked.py").open("a") as module:
            module.write("# edited\n")
        copy.pending(TARGET, **SETTINGS)
        for child in suspended:
            child.resume()
        assert first.wait() == 0, (tmp_path / "log").read_text()
    finally:
        if first.poll() is None:
            os.killpg(first.pid, signal.SIGKILL)
    assert f"training {RUN}" in copy.pending(TARGET, **SETTINGS)


def test_two_runs_from_scratch_are_bit_identical(smoke, tmp_path):
    again = smoke.clone(tmp_path / "again")
    again.succeeded(*AGAIN)
    first, second = smoke.artifacts(), again.artifacts()
    stages = {name.split("/")[0] for name in second}
    assert {"data", "training", "sampling", "curvature", "noise", "flatness"} <= stages
    assert second == {name: first.get(name) for name in second}
