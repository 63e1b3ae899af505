"""What goes wrong around a run loses nothing that was computed, and is said in one sentence with what to do.

Diverging trainings and unusable data are in ``test_failures``, killed runs and two at once in ``test_interruption``,
and what a single file can suffer in ``tests/artifacts``.
"""

import resource
import subprocess

import pytest
import torch

from tests.workflow.project import SECONDS
from tests.workflow.test_failures import experiment, sentence

RUN = "mnist_fnn/keep0.9-lr0.1"
MODEL = f"results/smoke/training/{RUN}/model.safetensors"
HESSIAN = f"results/smoke/curvature/{RUN}/hessian.safetensors"


pytestmark = pytest.mark.needs(HESSIAN)


def test_truncated_artifact_is_named_and_only_it_and_what_follows_is_redone(copy):
    before = copy.artifacts()
    model = copy.path(MODEL)
    model.write_bytes(model.read_bytes()[:-1000])
    done = copy.run(HESSIAN)
    assert done.returncode != 0
    said = sentence(done.stdout)
    assert f"{MODEL} is damaged" in said
    assert "delete it and run the same command again; only it and what follows is redone" in said

    model.unlink()
    ran = {job.name for job in copy.succeeded(HESSIAN)}
    assert ran == {f"training {RUN}", f"curvature {RUN}"}
    assert copy.artifacts() == before


AGAIN = experiment(runs={"keep0.9-lr0.1": {"learning_rate": 0.11}})


def assert_refused(copy, done, reason, before):
    """The training said why it could not be written, and took nothing with it but its own files."""
    assert done.returncode != 0
    said = sentence(done.stdout)
    assert "could not be written" in said and reason in said
    assert "make room" in said and "run the same command again; what was made before is kept" in said
    assert not list(copy.path("results").rglob("*.part"))
    # A state of the training, if there was room for it, is kept for the next run.
    after = {name: content for name, content in copy.artifacts().items() if "/.checkpoints/" not in name}
    lost = {name for name in before if name not in after}
    assert {name.rpartition("/")[0] for name in lost} == {f"training/{RUN}"}, "the one that was to be made anew"
    assert after == {name: before[name] for name in after}


def test_full_disk_ends_in_a_sentence_and_keeps_what_is_there(smoke, disk):
    """With the whole project on it, Snakemake's own records too."""
    copy = smoke.clone_with_results(disk.folder / "copy")
    before = copy.artifacts()
    disk.leave(100_000)
    assert_refused(copy, copy.run(MODEL, overrides=AGAIN), "No space left on device", before)
    disk.leave(50_000_000)
    assert copy.run(MODEL, overrides=AGAIN).returncode == 0


def test_a_limit_on_the_size_of_files_is_like_a_full_disk(copy):
    before = copy.artifacts()
    done = subprocess.run(
        copy.command(MODEL, overrides=AGAIN),
        cwd=copy.root,
        env=copy.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        # No file larger than the logs and Snakemake's records, but smaller than a model.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY)),
    )
    assert_refused(copy, done, "File too large", before)
    assert copy.run(MODEL, overrides=AGAIN).returncode == 0


def test_a_read_only_disk_starts_nothing(smoke, disk):
    copy = smoke.clone_with_results(disk.folder / "copy")
    copy.path(MODEL).unlink()
    disk.make_read_only()
    done = copy.run(MODEL)
    assert done.returncode != 0
    assert "results/smoke cannot be written (Read-only file system): make room or give yourself" in done.stdout
    assert "Traceback" not in done.stdout
    assert "rule " not in done.stdout


def test_results_that_cannot_be_written_start_nothing(copy):
    # A file in the place of the folder: the rights of a folder do not stop an administrator.
    copy.path("taken").write_text("")
    done = copy.run(results="taken")
    assert done.returncode != 0
    assert "taken/smoke cannot be written (Not a directory): make room or give yourself the right" in done.stdout
    assert "Traceback" not in done.stdout
    assert "rule " not in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_missing_gpu_is_noticed_before_anything_is_deleted(copy):
    before = copy.artifacts()
    done = copy.run(device="cuda")
    assert done.returncode != 0
    assert "torch sees no GPU here: write device: cpu or device: auto" in done.stdout
    assert "Traceback" not in done.stdout
    assert copy.artifacts() == before


def test_results_of_an_older_version_are_made_anew(copy):
    """As they were when rules named the modules that they depend on one by one, and the artifacts had no checksums."""
    before = copy.artifacts()
    path = copy.path("src/dropscape/training/stacked.py")
    path.write_text(path.read_text() + "\n# As in another version.\n")
    due = set(copy.pending(HESSIAN))
    assert due == {f"training {RUN}", f"curvature {RUN}"}
    assert copy.artifacts() == before, "to look at what is due changes nothing"
