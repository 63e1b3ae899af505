"""A failing stage says what to do; everything that does not need it is made; a wrong configuration starts nothing."""

import struct

import numpy as np
import pytest

from tests.workflow.project import ROOT, Project

RUN = "mnist_fnn/keep0.9-lr0.1"
OTHER = "mnist_fnn/keep0.8-lr0.1"


# What the first test takes away and the training that it lets diverge.
TARGETS = (
    "results/smoke/theory/noise_structure/closed_forms.csv",
    *(f"results/smoke/flatness/{run}/interval.csv" for run in (RUN, OTHER)),
)
pytestmark = pytest.mark.needs(*TARGETS)


def sentence(output):
    """The one line that dropscape itself prints on a failure."""
    (line,) = {line for line in output.splitlines() if line.startswith("dropscape: ")}
    return line


def experiment(**settings):
    return {"noise_structure": {"experiments": {"mnist_fnn": settings}}}


def write_mnist(folder, train, test):
    """The four official files, with random images of the given numbers."""
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    for name, count in (("train", train), ("t10k", test)):
        for kind, array in (
            ("images-idx3", generator.integers(0, 256, (count, 28, 28))),
            ("labels-idx1", generator.integers(0, 10, count)),
        ):
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            (folder / f"{name}-{kind}-ubyte").write_bytes(header + array.astype(np.uint8).tobytes())


def test_diverging_training_says_what_to_do_and_other_branches_go_on(copy):
    lost = [
        copy.path(f"results/smoke/{name}")
        for name in ("theory/noise_structure/closed_forms.csv", f"flatness/{OTHER}/interval.csv")
    ]
    for path in lost:
        path.unlink()
    done = copy.run(*TARGETS, overrides=experiment(runs={"keep0.9-lr0.1": {"learning_rate": 1e30}}))
    assert done.returncode != 0
    said = sentence(done.stdout)
    assert said.startswith(f"dropscape: training {RUN} stopped. The training of seed 0 diverged")
    assert "Write a smaller learning_rate for this run" in said
    log = f"results/smoke/logs/training/{RUN}.log"
    assert log in done.stdout
    assert said in copy.path(log).read_text()
    assert "Traceback" not in copy.path(log).read_text()
    assert all(path.exists() for path in lost)
    assert not copy.path(f"results/smoke/training/{RUN}/model.safetensors").exists()
    assert not list(copy.path("results").rglob("*.part"))


class TestDirectory:
    def target(self):
        return f"results/smoke/training/{RUN}/model.safetensors"

    @pytest.fixture
    def project(self, tmp_path):
        return Project(ROOT).clone(tmp_path / "fresh")

    def run(self, project, folder, examples):
        settings = {"data": {"train_examples": examples, "test_examples": 20}, "training": {"flow_time": 1}}
        return project.run(self.target(), source="directory", directory=str(folder), overrides=experiment(**settings))

    def test_trains_on_the_users_files_and_names_too_few_of_them(self, project, tmp_path):
        write_mnist(tmp_path / "mnist", 50, 20)
        done = self.run(project, tmp_path / "mnist", 60)
        assert done.returncode != 0
        said = sentence(done.stdout)
        assert "60" in said
        assert "50" in said
        assert "train_examples" in said
        assert not [name for name in project.artifacts() if name.startswith("training/")]

        # The data stage was fine; with fewer examples the same data trains.
        done = self.run(project, tmp_path / "mnist", 50)
        assert done.returncode == 0, done.stdout
        assert "rule data" not in done.stdout
        assert b'"checksums_verified": false' in project.artifacts()["data/mnist.json"]

    def test_damaged_or_missing_files_leave_no_dataset(self, project, tmp_path):
        done = self.run(project, tmp_path / "nowhere", 50)
        assert done.returncode != 0
        assert "nowhere', which is no folder: write the one with the official files" in done.stdout
        assert "Job stats" not in done.stdout

        write_mnist(tmp_path / "mnist", 50, 20)
        images = tmp_path / "mnist" / "train-images-idx3-ubyte"
        images.write_bytes(images.read_bytes()[:-100])
        done = self.run(project, tmp_path / "mnist", 50)
        assert done.returncode != 0
        assert "train-images-idx3-ubyte" in sentence(done.stdout)
        assert not [name for name in project.artifacts() if name.startswith(("data/", "training/"))]


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"epohcs": 5}, "'epohcs' is not a known key"),
        ({"source": "internet"}, "'source' is 'internet'"),
        ({"source": "directory"}, "write directory: path/to/the/official/files"),
        (
            {"overrides": experiment(runs={"keep0.9-lr0.1": {"learning_rat": 0.1}})},
            "noise_structure.experiments.mnist_fnn.runs.keep0.9-lr0.1.learning_rat' is not a known key",
        ),
        ({"overrides": {"noise": {}}}, "names the study 'noise'"),
    ],
    ids=["unknown key", "unknown source", "no folder", "unknown parameter of a run", "unknown study"],
)
def test_wrong_configuration_starts_nothing(tmp_path_factory, config, named):
    project = Project(ROOT).clone(tmp_path_factory.mktemp("wrong"))
    done = project.run(**config)
    assert done.returncode != 0
    assert named in done.stdout
    assert "Job stats" not in done.stdout
    assert "Traceback" not in done.stdout
    assert not project.path("results/smoke").exists()
