"""What the rules, the figures and the claims are told of a configuration."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dropscape.config.load import load_settings
from dropscape.dependencies import sha256
from dropscape.errors import ConfigurationError
from dropscape.resolved.claims import claimed_experiments
from dropscape.resolved.workflow import Workflow

ROOT = Path(__file__).parents[2]


def configured(**user):
    return Workflow(load_settings({"scale": "smoke", **user}, ROOT))


@pytest.fixture(scope="module")
def workflow():
    return configured()


def test_the_workflow_is_read_without_torch():
    """Each job of a cluster reads it anew."""
    code = (
        "import sys; from pathlib import Path; from dropscape.config.load import load_settings; "
        "from dropscape.resolved.workflow import Workflow; "
        "workflow = Workflow(load_settings({'scale': 'smoke'}, Path())); "
        "[workflow.job_settings('claims', {'study': study}) for study in workflow.studies]; "
        "[workflow.job_settings('figures', {'figure': figure}) for figure in workflow.figures]; "
        "sys.exit(', '.join({'torch', 'matplotlib', 'numba', 'scipy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class TestFigures:
    def test_tables_are_keyed_by_experiment_run_and_table(self, workflow):
        settings = workflow.job_settings("figures", {"figure": "noise_structure-fig2d"})
        (experiment,) = settings["experiments"]
        tables = settings["tables"]["runs"]["mnist_fnn"]
        assert set(tables) == set(experiment["runs"]) == {"keep0.9-lr0.1", "keep0.8-lr0.1"}
        assert tables["keep0.8-lr0.1"] == {
            "drift": "results/smoke/noise/mnist_fnn/keep0.8-lr0.1/drift.csv",
            "interval": "results/smoke/flatness/mnist_fnn/keep0.8-lr0.1/interval.csv",
            "spectrum": "results/smoke/noise/mnist_fnn/keep0.8-lr0.1/spectrum.csv",
        }
        assert sorted(workflow.figure_tables("noise_structure-fig2d")) == workflow.figure_tables(
            "noise_structure-fig2d"
        )

    def test_networks_and_datasets_have_the_names_that_people_use(self, workflow):
        named = {
            experiment["name"]: (experiment["network"], experiment["title"])
            for figure in workflow.figures
            for experiment in workflow.job_settings("figures", {"figure": figure})["experiments"]
            if "network" in experiment
        }
        assert named["cifar10_vgg9"] == ("VGG-9", "CIFAR-10")
        assert named["mnist_fnn"] == ("fully-connected network 784-16-12-10", "MNIST")
        assert named["multi30k_transformer"] == ("transformer", "Multi30k")

    def test_runs_without_what_is_drawn_are_left_out(self):
        overrides = {"noise_structure": {"experiments": {"mnist_fnn": {"runs": {"keep0.8-lr0.1": {"keep_prob": 1}}}}}}
        workflow = configured(overrides=overrides)
        assert set(
            workflow.job_settings("figures", {"figure": "noise_structure-fig2d"})["tables"]["runs"]["mnist_fnn"]
        ) == {"keep0.9-lr0.1"}

    def test_a_figure_of_theory_draws_its_studys_table(self, workflow):
        assert workflow.figure_tables("implicit_regularization-fig11") == [
            "results/smoke/theory/implicit_regularization/interpolants.csv"
        ]
        assert workflow.figure_descriptions("implicit_regularization-fig11") == []

    def test_experiments_of_other_studies_that_are_shown_are_made(self):
        """Paper B's Table I is drawn from the trainings of paper A."""
        workflow = configured(studies=["implicit_regularization"])
        assert "cifar10_vgg9" in workflow.trained and "mnist_fnn" not in workflow.trained


class TestClaims:
    def test_each_study_is_judged_on_its_own_tables(self, workflow):
        settings = workflow.job_settings("claims", {"study": "noise_structure"})
        assert {claim["study"] for claim in settings["claims"]} == {"noise_structure"}
        assert [claim["name"] for claim in settings["claims"]] == list(workflow.studies["noise_structure"].claims)
        assert settings["tables"]["runs"]["mnist_fnn"]["keep0.9-lr0.1"]["interval"].endswith("interval.csv")
        assert set(settings["tables"]["theory"]) == {"closed_forms"}
        assert set(settings["descriptions"]) == set(claimed_experiments(workflow, "noise_structure"))

    def test_an_experiment_that_a_claim_compares_with_is_there(self):
        workflow = configured(scale="paper")
        compared = {
            claim.statistic.other_experiment
            for claim in workflow.studies["implicit_regularization"].claims.values()
            if getattr(claim.statistic, "other_experiment", None)
        }
        assert compared and compared <= set(claimed_experiments(workflow, "implicit_regularization"))


class TestData:
    def test_a_dataset_comes_from_its_own_folder_where_there_is_one(self, tmp_path):
        (tmp_path / "mnist").mkdir()
        workflow = configured(source="directory", directory=str(tmp_path))
        assert workflow.job_settings("data", {"dataset": "mnist"})["directory"] == str(tmp_path / "mnist")
        assert workflow.job_settings("data", {"dataset": "cifar10"})["directory"] == str(tmp_path)
        assert workflow.job_settings("data", {"dataset": "curve"})["source"] == "embedded"

    def test_a_function_of_the_users_is_the_source(self):
        workflow = configured(datasets={"mnist": "mine:digits"}, source="official")
        settings = workflow.job_settings("data", {"dataset": "mnist"})
        nowhere = {"source": None, "directory": None, "files": {}, "download_cache": None}
        assert settings == {"function": "mine:digits"} | nowhere
        assert workflow.custom_functions("data", {"dataset": "mnist"}, False) == {"datasets.mnist": "mine:digits"}
        assert workflow.named_modules("data", {"dataset": "mnist"}, False) == []


def test_a_job_that_is_not_there_is_refused(workflow):
    with pytest.raises(LookupError):
        workflow.task("subnetworks_cnn", {"experiment": "mnist_cnn_random", "width": "7"})
    with pytest.raises(LookupError):
        workflow.task("another_rule", {})


class TestSizes:
    def test_too_few_embedded_examples_are_refused_and_what_fits_is_not(self, tmp_path):
        configured().check_targets([], [])
        configured(scale="paper", source="official").check_targets([], [])
        configured(scale="paper", source="directory", directory=str(tmp_path)).check_targets([], [])
        for targets in ([], ["all"], ["noise_structure"]):
            with pytest.raises(ConfigurationError) as error:
                configured(scale="paper").check_targets(targets, ["all"])
            said = str(error.value)
            assert re.search(r"asks for [\d,]+ train_examples of the 4,000 of MNIST", said)
            assert "Write source: official or directory (make ... SOURCE=official)" in said and len(said) < 800

    def test_a_figure_needs_its_own_examples_only(self):
        paper = configured(scale="paper")
        paper.check_targets(["implicit_regularization-fig11", "results/paper/x.csv"], paper.named_targets())
        with pytest.raises(ConfigurationError, match="mnist_fnn asks for 10,000 train_examples of the 4,000 of MNIST"):
            paper.check_targets(["fig2d"], paper.named_targets())

    def test_a_run_may_ask_for_more_than_its_experiment(self):
        runs = {"keep0.9-lr0.1": {"train_examples": 4001}}
        overrides = {"noise_structure": {"experiments": {"mnist_fnn": {"runs": runs}}}}
        with pytest.raises(ConfigurationError, match="mnist_fnn asks for 4,001 train_examples of the 4,000 of MNIST"):
            configured(overrides=overrides).check_targets([], [])

    def test_a_folder_that_is_not_there_is_refused(self):
        with pytest.raises(ConfigurationError, match="directory is '/nothere', which is no folder: write the one with"):
            configured(source="directory", directory="/nothere").check_targets([], [])


class TestTargets:
    def test_a_figure_has_its_name_with_and_without_its_study(self, workflow):
        named = workflow.named_targets()
        files = [f"results/smoke/figures/noise_structure-fig2d.{ending}" for ending in ("pdf", "png", "svg")]
        assert named["noise_structure-fig2d"] == named["fig2d"] == files
        assert len(named["subnetworks"]) == 3 * len(workflow.studies["subnetworks"].figures)
        assert "fig1" not in named

    @pytest.mark.parametrize(
        ("target", "sentence"),
        [
            ("fig2e", "'fig2e' is no target: write fig2"),
            ("Fig2D", "'Fig2D' is no target: write fig2d"),
            ("fig2d.png", "'fig2d.png' is no target: write fig2d"),
            ("noise_structure-fig2", "'noise_structure-fig2' is no target: write noise_structure-fig2"),
            ("fig1", "'fig1' is a figure of several studies: write noise_structure-fig1 or subnetworks-fig1."),
            ("noise_structur", "'noise_structur' is no target: write noise_structure"),
        ],
    )
    def test_near_misses_are_suggested(self, workflow, target, sentence):
        with pytest.raises(ConfigurationError) as error:
            workflow.check_targets([target], workflow.named_targets())
        assert sentence in str(error.value)

    def test_other_targets_are_left_to_snakemake(self, workflow):
        workflow.check_targets(["results/x.csv", "fig2d", "zzz"], workflow.named_targets())


def test_no_label_of_the_report_can_become_a_switch_between_pairs(workflow):
    """Snakemake makes one of any label but the first that has two values; its page turns blank without pairs."""
    assert {len(workflow.report_labels(figure)) for figure in workflow.figures} == {1}


class TestDirectory:
    def test_the_files_that_are_read_are_settings_by_content(self, tmp_path):
        (tmp_path / "train-images-idx3-ubyte").write_bytes(b"old")
        (tmp_path / "unrelated").write_bytes(b"x")

        def files():
            sha256.cache_clear()
            workflow = configured(source={"mnist": "directory"}, directory=str(tmp_path))
            return workflow.job_settings("data", {"dataset": "mnist"})["files"]

        before = files()
        assert list(before) == [str(tmp_path / "train-images-idx3-ubyte")]
        (tmp_path / "train-images-idx3-ubyte").write_bytes(b"new")
        assert list(files()) == list(before) and files() != before
        assert configured().job_settings("data", {"dataset": "mnist"})["files"] == {}
