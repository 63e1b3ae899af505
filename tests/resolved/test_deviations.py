"""What figures and claims say of settings that are not the paper's."""

from pathlib import Path
from typing import Annotated

import pytest

from dropscape.config.load import load_settings, read_studies
from dropscape.config.study import StudySettings
from dropscape.config.yaml_files import read_yaml
from dropscape.resolved.deviations import NOT_WHOLE, deviations
from dropscape.resolved.workflow import Workflow
from dropscape.schema import SPEED_ONLY, Strict

ROOT = Path(__file__).parents[2]


def workflow_with(scale="paper", study="noise_structure", section="experiments", **changed):
    overrides = {study: {section: changed}} if changed else {}
    return Workflow(load_settings({"scale": scale, "source": "official", "overrides": overrides}, ROOT))


def differing(experiment, study="noise_structure", section="experiments", **changed):
    """What differs where the experiment is overridden and all else is the paper's."""
    settings = workflow_with(study=study, section=section, **{experiment: changed}).settings
    return deviations(settings.papers_experiments[experiment], settings.experiments[experiment])


@pytest.mark.parametrize(
    ("experiment", "changed", "phrases"),
    [
        ("mnist_fnn", {"data": {"train_examples": 2000}}, ["2,000 of 10,000 training images"]),
        ("mnist_fnn", {"data": {"train_examples": 20000}}, ["training images 20,000 for 10,000"]),
        ("multi30k_transformer", {"data": {"test_examples": 200}}, ["200 of 1,000 test sentence pairs"]),
        ("mnist_fnn", {"training": {"flow_time": 140}}, ["flow time 140 of 400"]),
        ("mnist_fnn", {"training": {"flow_time": 500}}, ["flow time 500 for 400"]),
        ("mnist_fnn", {"training": {"optimizer": "adam"}}, ["optimizer adam for gd"]),
        ("mnist_fnn", {"training": {"batch_size": 50}}, ["batch size 50 for all"]),
        ("mnist_fnn", {"gradients": {"samples": 800}}, ["800 of 3,000 gradient samples"]),
        ("mnist_fnn", {"flatness": {"directions": 60}}, ["60 of 130 flatness directions"]),
        ("mnist_fnn", {"flatness": {"factors": [2]}}, ["1 of 4 loss factors"]),
        ("mnist_fnn", {"slices": {"directions": 2}}, ["slices besides"]),
        ("mnist_fnn", {"model": {"widths": [784, 20, 20, 10]}}, ["widths 784-20-20-10 for 784-50-50-10"]),
        ("mnist_fnn", {"dropout": {"mask_mode": "shared"}}, ["mask mode shared for per example"]),
        ("mnist_fnn", {"seeds": [7, 8]}, ["2 of 3 seeds"]),
        ("mnist_fnn", {"seeds": [7, 8, 9, 10]}, []),
        ("mnist_fnn", {"runs": {"keep0.9-lr0.1": None}}, ["5 of 6 runs", "2 of 3 keep probabilities"]),
        ("mnist_fnn", {"runs": {"keep0.9-lr0.1": {"learning_rate": 0.01}}}, ["learning rate 0.01 for 0.1"]),
        (
            "mnist_fnn_plain",
            {"runs": {"lr0.1": {"learning_rate": 0.5}, "lr0.2": {"learning_rate": 0.7}}},
            ["learning rate 0.5 / 0.7 for 0.1 / 0.2"],
        ),
        (
            "mnist_fnn_plain",
            {"runs": {"own": {"keep_prob": 1, "learning_rate": 1}}},
            ["3 runs for 2", "learning rates 0.1 / 0.2 / 1 for 0.1 / 0.2"],
        ),
        ("cifar10_vgg9", {"model": {"width": 0.25}}, ["width 0.25 of 1"]),
        ("cifar10_vgg9", {"training": {"milestones": [25, 37, 46]}}, ["milestones 25 / 37 / 46 for 150 / 225 / 275"]),
        (
            "cifar100_resnet20",
            {"data": {"dataset": "cifar10"}, "model": {"classes": 10}},
            ["CIFAR-10 for CIFAR-100", "10 of 100 classes"],
        ),
        ("multi30k_transformer", {"data": {"max_tokens": 10}}, ["10 of 30 max tokens"]),
        ("multi30k_transformer", {"data": {"max_tokens": 30}}, []),  # what null stands for
        ("mnist_fnn", {"training": {"micro_batch": 7, "history_points": 3}}, []),
    ],
)  # fmt: skip
def test_each_kind_of_setting_has_its_phrase(experiment, changed, phrases):
    assert list(differing(experiment, **changed)) == phrases


@pytest.mark.parametrize(
    ("study", "experiment", "changed", "phrases"),
    [
        (
            "subnetworks",
            "mnist_cnn_random",
            {"widths": [100, 10000], "keep_probs": [0.5, 0.2], "epochs": 5},
            ["2 of 4 widths (to 10,000 of 100,000)", "keep probabilities 0.5 / 0.2 for 0.2", "5 of 25 epochs"],
        ),
        ("subnetworks", "caps", {"widths": [8, 24]}, ["widths 8 / 24 for 100 to 30,000"]),
        ("subnetworks", "caps", {"keep_probs": [0.9, 0.5]}, ["2 of 3 keep probabilities"]),
        ("subnetworks", "caps", {"data": {"test_examples": 100}}, ["100 of 10,000 test examples"]),
        (
            "equations",
            "mnist_7x7",
            {"trajectories": {"runs": {"keep0.7-lr1": {"steps": 50}, "keep0.9-lr0.005": {"steps": 70}}}},
            ["50 to 70 of 2,000 to 8,000 steps"],
        ),
        ("equations", "mnist_7x7", {"trajectories": {"history_points": 10}}, []),
    ],
)
def test_experiments_of_other_forms_have_phrases_too(study, experiment, changed, phrases):
    owner = {"equations": "modified_equations"}.get(study, study)
    assert list(differing(experiment, owner, study, **changed)) == phrases


def test_a_grid_with_other_values_names_them():
    found = differing(
        "teacher_of_two",
        "implicit_regularization",
        grid={"keep{keep_prob}-n{train_examples}": {"keep_prob": [0.5, 1], "train_examples": [2, 3]}},
    )
    assert found == ("4 runs for 54", "2 of 6 keep probabilities", "numbers of training points 2 / 3 for 2 to 14")


def test_a_measurement_that_is_left_out_is_said():
    settings = workflow_with().settings.experiments["mnist_fnn"]
    assert deviations(settings, settings.model_copy(update={"flatness": None})) == ("no flatness",)


def test_a_new_key_counts_unless_it_is_marked():
    class New(Strict):
        brand_new_key: int = 1
        new_speed: Annotated[int, SPEED_ONLY] = 1

    assert deviations(New(), New(brand_new_key=2, new_speed=2)) == ("brand new key 2 for 1",)


def test_settings_that_no_study_file_has_are_no_papers():
    own = {"data": {"dataset": "mnist", "train_examples": 9, "test_examples": 9},
           "model": {"name": "fnn", "widths": [784, 3, 10]}, "block": ["layers.0.weight"],
           "training": {"steps": 3}, "seeds": [0], "runs": {"one": {"keep_prob": 0.5, "learning_rate": 1}}}  # fmt: skip
    settings = workflow_with(own=own).settings
    assert deviations(settings.papers_experiments.get("own"), settings.experiments["own"]) == (NOT_WHOLE,)


def figure_of(workflow, name):
    """What differs in each of the figure's experiments, and in the figure."""
    settings = workflow.job_settings("figures", {"figure": name})
    return {one["name"]: one["deviations"] for one in settings["experiments"]}, settings["deviations"]


def test_at_the_papers_scale_nothing_differs_in_any_figure_or_claim():
    workflow = workflow_with()
    assert len(workflow.figures) > 50
    for name in workflow.figures:
        of_experiments, own = figure_of(workflow, name)
        assert not own and not any(of_experiments.values()), name
    for study in workflow.studies:
        found = workflow.job_settings("claims", {"study": study})["deviations"]
        assert set(found) == set(workflow.studies[study].claims) and not any(found.values())


def test_every_experiment_that_the_quick_scale_writes_of_is_said_to_differ():
    workflow, written = workflow_with("quick"), read_yaml(ROOT / "config/scales/quick.yaml")
    changed = {
        name
        for study in written.values()
        for section in ("experiments", "equations", "subnetworks")
        for name in study.get(section, {})
    }
    for name in workflow.figures:
        for experiment, phrases in figure_of(workflow, name)[0].items():
            assert bool(phrases) == (experiment in changed)
            assert not any("_" in phrase for phrase in phrases)


class TestFigures:
    def test_only_what_is_drawn_is_said(self):
        sections = {
            "gradients": {"samples": 50, "held_out": 7},
            "flatness": {"directions": 9},
            "alignment": {"samples": 8},
        }
        sections |= {"projection": {"samples": 20}}
        workflow = workflow_with(mnist_fnn=sections)
        figures = ("fig2a", "fig2d", "fig3a", "fig3d")
        drawn = {name: figure_of(workflow, f"noise_structure-{name}")[0]["mnist_fnn"] for name in figures}
        assert drawn["fig2a"] == ["9 of 130 flatness directions"]
        assert drawn["fig2d"] == ["9 of 130 flatness directions", "50 of 3,000 gradient samples"]
        assert drawn["fig3a"] == ["20 of 1,000 projection samples"]
        assert set(drawn["fig3d"]) == {"20 of 1,000 projection samples", "50 of 3,000 gradient samples"}
        assert figure_of(workflow, "modified_equations-fig3a")[0]["mnist_fnn"] == ["8 of 500 alignment samples"]

    def test_runs_that_are_not_drawn_are_not_said_but_those_where_others_start_are(self):
        runs = {"plain": {"learning_rate": 0.5}, "plain-scale1": {"learning_rate": 0.7}}
        workflow = workflow_with(study="implicit_regularization", curve_tanh={"runs": runs})
        drawn = workflow.figures["implicit_regularization-fig5a"].runs
        assert "plain-then-dropout" in drawn and "plain-scale1" not in drawn
        found = figure_of(workflow, "implicit_regularization-fig5a")[0]["curve_tanh"]
        assert found == ["learning rate 0.5 for 0.001"]

    def test_experiments_and_panels_of_the_figure_itself(self):
        workflow = workflow_with("smoke")
        assert figure_of(workflow, "noise_structure-fig1")[1] == ["2 of 4 experiments"]
        assert figure_of(workflow, "subnetworks-fig1")[1] == ["mnist cnn random for mnist cnn", "other panels"]
        assert figure_of(workflow_with("quick"), "subnetworks-fig1")[1] == ["other panels"]

    def test_theory_without_experiments(self):
        changed = {"interpolants": {"neurons": 5, "keep_prob": 0.5}}
        workflow = workflow_with(study="implicit_regularization", section="theory", **changed)
        found = figure_of(workflow, "implicit_regularization-fig11")[1]
        assert found == ["5 of 100 neurons", "keep probability 0.5 for 0.9"]

    def test_they_are_made_again_and_no_training_or_measurement_is(self):
        paper, changed = workflow_with(), workflow_with(mnist_fnn={"flatness": {"directions": 9}})
        figure = {"figure": "noise_structure-fig2a"}
        assert paper.job_settings("figures", figure) != changed.job_settings("figures", figure)
        for one in (paper, changed):
            jobs = {rule: task.settings for rule, task in one.trained["mnist_fnn"].runs["keep0.8-lr0.1"].tasks.items()}
            assert len(jobs) > 5 and "deviations" not in str(jobs)
        wildcards = {"experiment": "mnist_fnn", "run": "keep0.8-lr0.1"}
        assert paper.job_settings("training", wildcards) == changed.job_settings("training", wildcards)


class TestClaims:
    def test_an_override_reaches_the_claims_on_its_experiment_alone(self):
        workflow = workflow_with(mnist_fnn={"gradients": {"samples": 50}})
        found = workflow.job_settings("claims", {"study": "noise_structure"})["deviations"]
        assert found["A-fig2-gradients"] == ["50 of 3,000 gradient samples"]
        assert found["A-fig1-flatter-vgg9"] == []

    def test_an_experiment_to_compare_with_is_named(self):
        changed = {"mnist_7x7_summed": {"data": {"train_examples": 9}}}
        workflow = workflow_with(study="modified_equations", section="equations", **changed)
        found = workflow.job_settings("claims", {"study": "modified_equations"})["deviations"]
        assert found["C-fig2b-stable"] == ["mnist 7x7 summed: 9 of 1,000 training images"]

    def test_theory_and_a_claims_own_threshold(self):
        theory = workflow_with(section="theory", closed_forms={"networks": 3})
        found = theory.job_settings("claims", {"study": "noise_structure"})["deviations"]
        assert found["A-theorem1-all"] == ["3 of 20 networks"]
        studies = StudySettings.model_validate(read_studies(ROOT)["noise_structure"])
        was = studies.claims["A-fig4-much-larger"].expected.above
        lower = workflow_with(section="claims", **{"A-fig4-much-larger": {"expected": {"above": was / 2}}})
        found = lower.job_settings("claims", {"study": "noise_structure"})["deviations"]
        assert found["A-fig4-much-larger"] == [f"expected above {was / 2:g} for {was:g}"]
