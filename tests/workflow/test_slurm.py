"""The slurm profile on a real SLURM of one node with a pretend GPU: what it asks for, and that nothing is lost."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from dropscape.artifacts.tensors import read_tensors
from dropscape.errors import ArtifactError
from tests.workflow.project import SECONDS, Project, downstream, wait_until
from tests.workflow.slurm import Slurm, why_not

# Continuous integration, which has installed SLURM, does not let them skip.
REQUIRED = os.getenv("DROPSCAPE_SLURM") == "required"
pytestmark = pytest.mark.skipif(not REQUIRED and why_not() is not None, reason=str(why_not()))

# The profile, but for what only a test's cluster needs: it keeps no accounts to ask, and is asked more often.
PROFILE = ("--workflow-profile", "workflow/profiles/slurm", "--slurm-status-command", "squeue")
PROFILE += ("--seconds-between-status-checks", "1", "--slurm-init-seconds-before-status-checks", "6")
PROFILE += ("--latency-wait", "5")


class Submitted(Project):
    """A project whose jobs are submitted to the cluster."""

    def command(self, *arguments: str, **config: object) -> list[str]:
        command = super().command(*PROFILE, *arguments, **config)
        cores = command.index("--cores")  # a submission asks for its own
        return command[:cores] + command[cores + 2 :]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    assert why_not() is None, why_not()
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


# Each run is a submission of its own.
APART = ("--group-components", "short=1")
RUN = "mnist_fnn/keep0.9-lr0.1"
OTHER = "mnist_fnn/keep0.8-lr0.1"


def of_mnist(**experiment):
    return {"noise_structure": {"experiments": {"mnist_fnn": experiment}}}


def test_a_failing_run_leaves_the_others_alone_and_then_two_studies_are_made_as_without_a_cluster(
    slurm, smoke, tmp_path
):
    """One study, whose runs are submissions of their own, and then two from data to claims."""
    study = {"studies": "[modified_equations]", "device": "cpu"}
    local = smoke.clone(tmp_path / "clone")
    cluster = Submitted(local.root)
    due = downstream(local.succeeded("--dry-run", **study), {f"training {RUN}"})

    diverging = of_mnist(runs={"keep0.9-lr0.1": {"learning_rate": 1e30}})
    done = cluster.run("--retries", "0", *APART, overrides=diverging, **study)
    assert done.returncode != 0
    log = f"results/smoke/logs/training/{RUN}.log"
    assert log in done.stdout
    assert f"dropscape: training {RUN} stopped. The training of seed 0 diverged" in local.path(log).read_text()
    assert set(local.pending(**study)) == due
    assert {
        f"training {RUN}",
        f"noise_alignment {RUN}",
        "claims modified_equations",
    } < due and f"noise_alignment {OTHER}" not in due

    studies = {"studies": "[modified_equations, implicit_regularization]", "device": "cpu"}
    due = local.pending(**studies)
    before = set(slurm.jobs())
    done = cluster.run(**studies)
    assert done.returncode == 0, done.stdout
    submitted = [kind for number, kind in slurm.jobs().items() if number not in before]
    kinds = {kind.split("_")[1] for kind in submitted}
    assert kinds >= {"claims", "figures", "measurements", "training", "short-mnist", "short-curve"}
    measured = [name for name in due if not name.startswith("figures ")]  # each figure is one job and one submission
    assert len([kind for kind in submitted if "_figures_" not in kind]) < len(measured) / 2
    assert local.pending(**studies) == {}
    made, expected = local.artifacts(), smoke.artifacts()
    assert made.keys() <= expected.keys()
    tables = {name for name in made if name.endswith(".csv") and not name.startswith("claims/")}  # of fewer studies
    assert {name.split("/")[0] for name in tables} >= {"training", "noise", "flatness", "condensation"}
    assert {name: made[name] for name in tables} == {name: expected[name] for name in tables}


# Trainings that are stopped in the middle by three powers, by the state that SLURM then gives their jobs.
STOPPED = {"cancelled": "CANCELLED", "over-its-limit": "TIMEOUT", "killed": "FAILED"}
TARGETS = [f"results/smoke/training/mnist_fnn/{run}/model.safetensors" for run in STOPPED]
SETTINGS = {
    "device": "cpu",
    "checkpoint_seconds": 0.05,
    "overrides": of_mnist(
        training={"flow_time": 400, "trajectory_steps": 500},
        runs={run: {"keep_prob": 0.9 - number / 10, "learning_rate": 0.1} for number, run in enumerate(STOPPED)},
    ),
}


def step(project, run) -> int:
    """The step of the saved state of a run; -1 while there is none."""
    for path in project.path(f"results/smoke/.checkpoints/training/mnist_fnn/{run}").glob("*.safetensors"):
        try:
            return read_tensors(path)[1]["step"]
        except ArtifactError:  # removed since it was listed
            return -1
    return -1


def halted(project, run) -> psutil.Process:
    """The process of a run's training, suspended so that it cannot end before it is ended."""
    log = project.path(log_of(run))
    for process in psutil.process_iter():
        try:
            if any(Path(file.path) == log for file in process.open_files()):
                process.suspend()
                return process
        except psutil.Error:  # ended since it was listed
            continue
    raise AssertionError(f"no process writes {log}")


def log_of(run) -> str:
    return f"results/smoke/logs/training/mnist_fnn/{run}.log"


def test_a_training_that_is_stopped_is_submitted_again_goes_on_and_ends_bit_identical(slurm, smoke, copy, tmp_path):
    uninterrupted = smoke.clone_with_results(tmp_path / "uninterrupted")
    uninterrupted.succeeded(*TARGETS, **SETTINGS)
    log = tmp_path / "log"
    main = Submitted(copy.root).start(log, *TARGETS, *APART, **SETTINGS)
    try:
        trainings = {}
        while len(trainings) < len(STOPPED):
            left = STOPPED.keys() - trainings.keys()
            wait_until(lambda left=left: any(step(copy, run) > 0 for run in left), main, log)
            trainings |= {run: halted(copy, run) for run in left if step(copy, run) > 0}
        numbers = {run: process.environ()["SLURM_JOB_ID"] for run, process in trainings.items()}
        slurm.cancel(numbers["cancelled"])
        slurm.end_time(numbers["over-its-limit"])
        trainings["killed"].kill()
        # A job parses the workflow too and takes no lock; a second workflow is refused.
        refused = copy.run(*TARGETS, **SETTINGS)
        assert "Another run is at work in results/smoke" in refused.stdout
        assert main.wait(SECONDS) == 0, log.read_text()
    finally:
        if main.poll() is None:
            os.killpg(main.pid, signal.SIGKILL)
    assert {run: slurm.record(number)["JobState"] for run, number in numbers.items()} == STOPPED
    assert copy.artifacts() == uninterrupted.artifacts()
    for run in STOPPED:
        assert "goes on from step" in copy.path(log_of(run)).read_text()
    assert copy.pending(*TARGETS, **SETTINGS) == {}


def test_rules_on_a_gpu_ask_for_one_and_the_others_do_not(slurm, smoke, copy, tmp_path):
    """The jobs wait for a partition that is down until all have asked, and then make what was there before."""
    gone = {
        "sampling": [f"sampling/{run}/gradients.safetensors" for run in (RUN, OTHER)],
        "noise_alignment": [f"noise/{RUN}/alignment.csv"],
        "measurements": ["noise/multi30k_transformer/dropout/spectrum.csv"],  # of samples that stay
        "theory": ["theory/noise_structure/closed_forms.csv"],
    }
    targets = [f"results/smoke/{path}" for paths in gone.values() for path in paths]
    for target in targets:
        copy.path(target).unlink()
    log = tmp_path / "log"
    before = set(slurm.jobs())

    def asked() -> dict[str, dict[str, str]]:
        kinds = {number: kind for number, kind in slurm.jobs().items() if number not in before}
        return {kind: slurm.record(number) for number, name in kinds.items() for kind in gone if kind in name}

    slurm.partition("DOWN")
    main = Submitted(copy.root).start(log, *targets)
    try:
        wait_until(lambda: asked().keys() == gone.keys(), main, log)
        records = asked()
        slurm.partition("UP")
        assert {kind: record.get("TresPerJob") for kind, record in records.items()} == {
            "sampling": "gres:gpu:1",
            "noise_alignment": "gres:gpu:1",
            "measurements": None,
            "theory": None,
        }
        # Two samplings share a submission, one after the other.
        assert {kind: record["TimeLimit"] for kind, record in records.items()} == {
            "sampling": "00:32:00",
            "noise_alignment": "00:16:00",
            "measurements": "00:16:00",
            "theory": "00:16:00",
        }
        assert {record["Account"] for record in records.values()} == {"(null)"}
        assert main.wait(SECONDS) == 0, log.read_text()
    finally:
        if main.poll() is None:
            os.killpg(main.pid, signal.SIGKILL)
        slurm.partition("UP")
    assert copy.artifacts() == smoke.artifacts()
