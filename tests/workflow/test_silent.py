"""What would give results of other data, code, settings or versions than were asked for is made again, or refused."""

import json
import os
import shutil

import pytest

from dropscape.artifacts.provenance import numeric_versions
from dropscape.run_lock import RunLock
from tests.workflow.project import ROOT, Project, jobs_in
from tests.workflow.test_failures import experiment, sentence, write_mnist

RUN = "mnist_fnn/keep0.9-lr0.1"
MODEL = f"results/smoke/training/{RUN}/model.safetensors"
TABLE = "results/smoke/theory/implicit_regularization/interpolants.csv"


@pytest.fixture
def fresh(tmp_path) -> Project:
    return Project(ROOT).clone(tmp_path / "fresh")


def said(done) -> str:
    assert done.returncode != 0 and "Job stats" not in done.stdout, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def test_files_of_a_folder_count_by_content(fresh, tmp_path):
    folder = tmp_path / "mnist"
    write_mnist(folder, 50, 20)
    small = experiment(data={"train_examples": 50, "test_examples": 20}, training={"flow_time": 1})
    asked = {"source": {"mnist": "directory"}, "directory": str(folder), "overrides": small}
    data = "results/smoke/data/mnist.safetensors"
    fresh.succeeded(data, **asked)
    assert fresh.pending(data, **asked) == {}
    images = folder / "train-images-idx3-ubyte"
    before, content = images.stat(), images.read_bytes()
    images.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(images, ns=(before.st_atime_ns, before.st_mtime_ns))  # as cp -p leaves it
    assert set(fresh.pending(data, **asked)) == {"data mnist"}


def test_what_a_custom_module_imports_is_an_input_too(fresh):
    fresh.path("mine.py").write_text("from helpers.shapes import digits\n")
    fresh.path("helpers").mkdir()
    fresh.path("helpers/shapes.py").write_text("from . import numbers\nimport numpy\n\ndef digits():\n    return {}\n")
    fresh.path("helpers/numbers.py").write_text("SIDE = 28\n")
    done = fresh.run("--dry-run", MODEL, datasets={"mnist": "mine:digits"})
    assert done.returncode == 0, done.stdout
    (data,) = (job for job in jobs_in(done.stdout) if job.rule == "data")
    ours = {path for path in data.inputs if path.endswith(".py")}
    assert ours == {"mine.py", "helpers/shapes.py", "helpers/numbers.py"}  # a folder without __init__.py too
    fresh.path("helpers/__init__.py").write_text("import mine\n")
    done = fresh.run("--dry-run", MODEL, datasets={"mnist": "helpers.shapes:digits"})
    (data,) = (job for job in jobs_in(done.stdout) if job.rule == "data")
    assert {path for path in data.inputs if path.endswith(".py")} == ours | {"helpers/__init__.py"}
    fresh.path("mine.py").write_text("from = helpers\n")
    assert (
        "mine.py, line 1, is no Python (invalid syntax): correct it"
        in fresh.run("--dry-run", MODEL, datasets={"mnist": "mine:digits"}).stdout
    )


def test_a_key_that_stands_twice_in_the_users_file_is_refused(fresh):
    fresh.path("mine.yaml").write_text("overrides: {noise_structure: {}}\noverrides: {subnetworks: {}}\n")
    assert "mine.yaml, line 2 has the key 'overrides' again" in said(fresh.run("--configfile", "mine.yaml"))


def test_other_versions_make_nothing_again_unless_that_is_asked_for(fresh):
    versions = fresh.path("results/smoke/.code/versions.json")
    versions.parent.mkdir(parents=True)
    versions.write_text(json.dumps(numeric_versions() | {"torch": "1.0.0"}) + "\n")
    fresh.succeeded(TABLE)
    assert fresh.pending(TABLE) == {}
    assert set(fresh.pending(TABLE, rerun_versions=True)) == {"theory implicit_regularization/interpolants"}
    assert fresh.pending(TABLE) == {}, "to look at what would be made again decides nothing"
    fresh.succeeded(TABLE, rerun_versions=True)
    assert (
        "1.0.0" not in versions.read_text() and fresh.pending(TABLE) == fresh.pending(TABLE, rerun_versions=True) == {}
    )


def test_an_input_that_was_cut_off_is_noticed_by_whoever_has_it(copy):
    """Claims are judged on some columns of it; a whole line less changes the last step."""
    history = copy.path(f"results/smoke/training/{RUN}/history.csv")
    times = history.stat()
    history.write_text("".join(history.read_text().splitlines(keepends=True)[:-1]))
    os.utime(history, ns=(times.st_atime_ns, times.st_mtime_ns))
    copy.path("results/smoke/claims/noise_structure.csv").unlink()
    done = copy.run("results/smoke/claims/noise_structure.csv")
    assert done.returncode != 0
    assert f"{RUN}/history.csv is damaged (its checksum is not that in .history.csv.sha256)" in sentence(done.stdout)


def test_the_library_is_that_of_the_clone_whatever_is_installed(fresh):
    """Here another clone is installed, that of these tests."""
    path = fresh.path("src/dropscape/errors.py")
    path.write_text(path.read_text() + "\nimport sys\nprint('of the clone', file=sys.stderr)\n")
    environment = {key: value for key, value in fresh.environment.items() if key != "PYTHONPATH"}
    done = fresh.run(TABLE, environment=environment)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("of the clone") >= 2, "in the main process and in the job"


def test_nothing_is_deleted_while_a_run_is_at_work(fresh):
    fresh.succeeded(TABLE)
    lock = RunLock(str(fresh.path("results/smoke")))
    lock.hold()
    assert "Another run is at work in results/smoke: delete when it has ended" in said(fresh.run("--delete-all-output"))
    assert fresh.path(TABLE).exists()


def test_a_cluster_that_is_not_there_is_refused(fresh, tmp_path):
    commands = tmp_path / "bin"
    commands.mkdir()
    for command in ("bash", "sh", "env", "uname", "which"):
        (commands / command).symlink_to(shutil.which(command))
    profile = ["--workflow-profile", "workflow/profiles/slurm"]
    done = fresh.run(*profile, TABLE, environment=fresh.environment | {"PATH": str(commands)})
    assert done.returncode != 0
    assert "this machine has no sbatch and no sacct: start it on a login node of the cluster, or" in done.stdout
    assert "Traceback" not in done.stdout
