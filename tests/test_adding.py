"""The page on adding an experiment, followed to the letter: the user's network, dataset and block, and a new study with
one new thing of each kind."""

import re
import shlex
import subprocess
import sys

import pytest

from dropscape.artifacts.files import read_json, read_table
from tests.workflow.project import ROOT, Project

PAGE = (ROOT / "docs/adding-an-experiment.md").read_text()
SECTION = PAGE[PAGE.index("## A custom network") : PAGE.index("## Inside dropscape")]
INSIDE = (ROOT / "docs/adding-a-kind.md").read_text()


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


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Project:
    """A copy with the files of the page's second part, in which its commands were run."""
    project = Project(ROOT).clone(tmp_path_factory.mktemp("extended"))
    (project.root / "docs").mkdir()
    for path, content in re.findall(r"```\w+\n# (\S+\.\w+)\n(.*?)```", INSIDE, flags=re.DOTALL):
        file = project.root / path
        assert not file.exists(), f"{path} is there already: nothing that is there may change"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    documents, snakemake = (shlex.split(line) for line in re.findall(r"^(?:python|snakemake) .*$", INSIDE, flags=re.M))
    subprocess.run([sys.executable, *documents[1:]], cwd=project.root, env=project.environment, check=True)
    assert snakemake[-2:] == ["scale=smoke", "studies=[weights]"]
    project.succeeded(studies="[weights]")
    return project


class TestEachKindIsOnePlace:
    """Of the six things that can be added, each is used by the study that is the sixth."""

    def test_the_dataset_is_the_one_that_is_trained_on(self, extended):
        described = read_json(extended.root / "results/smoke/data/stripes.json")
        assert described["label"] == "200 + 100 generated images of stripes"

    def test_the_network_learns(self, extended):
        history = read_table(extended.root / "results/smoke/training/stripes_lenet/plain/history.csv")
        assert history[history["step"] == 60]["train_accuracy"].min() > 0.9

    def test_the_measurement_is_made_of_every_run(self, extended):
        for run in ("plain", "dropout"):
            folder = extended.root / f"results/smoke/weight_norms/stripes_lenet/{run}"
            norms = read_table(folder / "norms.csv")
            assert len(norms) == 3 * norms["step"].nunique() and norms["norm"].gt(0).all()
            assert read_json(folder / "provenance.json")["data"]["dataset"] == "stripes"
        assert (extended.root / "results/smoke/logs/weight_norms/stripes_lenet/plain.log").exists()

    def test_the_kind_of_figure_is_drawn_with_the_names_that_people_use(self, extended):
        figures = extended.root / "results/smoke/figures"
        assert (figures / "weights-fig1.pdf").stat().st_size > 5_000
        (shown,) = read_json(figures / "weights-fig1.json")["experiments"]
        assert (shown["network"], shown["title"]) == ("LeNet", "stripes")
        assert set(read_table(figures / "weights-fig1.csv")["run"]) == {"plain", "dropout"}

    def test_the_statistic_is_judged(self, extended):
        (claim,) = read_table(extended.root / "results/smoke/claims/claims.csv").to_dict("records")
        norms = read_table(extended.root / "results/smoke/weight_norms/stripes_lenet/dropout/norms.csv")
        assert claim["claim"] == "W-grow" and claim["verdict"] in ("holds", "fails", "not judged")
        assert claim["low"] <= claim["value"] <= claim["high"] and len(norms)

    def test_the_study_is_on_the_page_of_the_report(self, extended):
        assert "Norms of weights under dropout" in (extended.root / "results/smoke/report/report.html").read_text()

    def test_every_key_is_in_the_reference(self, extended):
        page = (extended.root / "docs/configuration.md").read_text()
        for key in ("`weight_norms`", "`lenet`", "`norm_curves`", "`norm_growth`"):
            assert key in page

    @pytest.mark.parametrize(
        ("module", "rules"),
        [
            ("claims/statistics/norm_growth.py", {"claims", "claims_table", "report"}),
            ("figures/norm_curves/drawing.py", {"figures", "report"}),
            ("weight_norms/stage.py", {"weight_norms", "figures", "claims", "claims_table", "report"}),
        ],
    )
    def test_an_edit_reruns_what_uses_it_alone(self, extended, module, rules):
        path = extended.root / "src/dropscape" / module
        before = path.read_text()
        path.write_text(before + "\n# edited\n")
        try:
            due = extended.succeeded("--dry-run", studies="[weights]")
        finally:
            path.write_text(before)
        assert {job.rule for job in due} == rules

    def test_a_scheduler_is_asked_for_what_nobody_has_counted(self, extended):
        code = (
            "from pathlib import Path\n"
            "from dropscape.config.load import load_settings\n"
            "from dropscape.cost_model.requests import Requests\n"
            "from dropscape.resolved.workflow import Workflow\n"
            "requests = Requests(Workflow(load_settings({'scale': 'smoke'}, Path())))\n"
            "print(requests.request('weight_norms', {'experiment': 'stripes_lenet', 'run': 'plain'}).minutes(1))\n"
        )
        said = subprocess.run(
            [sys.executable, "-c", code], cwd=extended.root, env=extended.environment, check=True, capture_output=True
        )
        assert int(said.stdout) >= 60
