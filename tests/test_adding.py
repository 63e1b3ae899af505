"""The page on adding an experiment, followed to the letter: a network, a dataset and a block of one's own."""

import re
import shlex

import pytest

from dropscape.artifacts.files import read_json, read_table
from tests.workflow.project import ROOT, Project

PAGE = (ROOT / "docs/adding-an-experiment.md").read_text()
SECTION = PAGE[PAGE.index("## A network, a dataset") : PAGE.index("## More than configuration")]


def block_of(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", SECTION, flags=re.DOTALL)
    return found


@pytest.fixture(scope="module")
def followed(tmp_path_factory) -> Project:
    """A copy in which the page's section was done."""
    project = Project(ROOT).clone(tmp_path_factory.mktemp("adding"))
    (project.root / "my_rings.py").write_text(block_of("python"))
    with (project.root / "config/config.yaml").open("a") as config:
        config.write(block_of("yaml"))
    command = shlex.split(block_of("sh"))
    assert command[0] == "snakemake"
    project.succeeded(*command[command.index("--") + 1 :], scale="quick")
    return project


def test_its_figure_is_drawn_from_its_data(followed):
    figures = followed.root / "results/quick/figures"
    assert (figures / "noise_structure-rings2d.pdf").stat().st_size > 10_000
    (shown,) = read_json(figures / "noise_structure-rings2d.json")["experiments"]
    assert shown["data"] == "200 + 100 generated rings"
    points = read_table(figures / "noise_structure-rings2d.csv")
    assert set(points["seed"]) == {0, 1} and points["flatness"].notna().sum() > 20


def test_it_learns_and_its_hessian_is_exact(followed):
    results = followed.root / "results/quick"
    history = read_table(results / "training/rings_network/keep0.8/history.csv")
    assert history[history["step"] == 100]["train_accuracy"].min() > 0.8
    summary = read_table(results / "curvature/rings_network/keep0.8/summary.csv")
    assert set(summary["method"]) == {"jacobian"}


def test_a_change_of_its_code_reruns_what_uses_it(followed):
    code = followed.root / "my_rings.py"
    code.write_text(code.read_text().replace("uniform(0, 50", "uniform(0, 51"))
    due = {
        job.rule
        for job in followed.succeeded("--dry-run", "results/quick/figures/noise_structure-rings2d.pdf", scale="quick")
    }
    assert {"data", "training", "curvature"} <= due
