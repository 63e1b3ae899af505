"""One run with its experiment's defaults filled in."""

from pathlib import Path

import pytest

from dropscape.config.load import load_settings
from dropscape.resolved.workflow import Workflow

ROOT = Path(__file__).parents[2]


def configured(scale="paper", **user):
    return Workflow(load_settings({"scale": scale, **user}, ROOT))


@pytest.fixture(scope="module")
def workflow():
    return configured()


def run(workflow, experiment, name):
    return workflow.trained[experiment].runs[name]


def changed(experiment="mnist_fnn", name="keep0.9-lr0.1", **keys):
    overrides = {"noise_structure": {"experiments": {experiment: {"runs": {name: keys}}}}}
    return run(configured(overrides=overrides), experiment, name)


class TestKeepProbs:
    def test_of_a_fully_connected_network_are_one_for_each_hidden_layer(self, workflow):
        assert run(workflow, "mnist_fnn", "keep0.9-lr0.1").keep_probs == (0.9, 1.0)
        assert changed(dropout_after=2).keep_probs == (1.0, 0.9)
        assert len(run(workflow, "mnist_wide_fnn", "dropout").keep_probs) == 2

    def test_of_another_network_are_those_that_are_written(self, workflow):
        assert run(workflow, "cifar10_vgg9", "plain").keep_probs == (1.0,)
        assert changed("cifar10_vgg9", "dropout", keep_prob=[0.9, 0.8, 0.7]).keep_probs == (0.9, 0.8, 0.7)


class TestNoise:
    @pytest.mark.parametrize(
        ("keys", "has_noise"),
        [
            ({}, True),
            ({"keep_prob": 1}, False),
            ({"keep_prob": [1]}, False),
            ({"objective": "risk"}, False),
            ({"objective": "dropout_minus_r2"}, True),
        ],
    )
    def test_is_there_where_the_training_has_dropout(self, keys, has_noise):
        if isinstance(keys.get("keep_prob"), list):
            keys = keys | {"keep_prob": [1, 1, 1]}
            assert changed("cifar10_vgg9", "dropout", **keys).has_noise is has_noise
        else:
            assert changed(**keys).has_noise is has_noise

    def test_without_it_nothing_of_it_is_measured(self, workflow):
        plain, dropout = (run(workflow, "cifar100_resnet20", name) for name in ("plain", "dropout"))
        assert {"sampling", "noise_spectrum", "noise_projection", "flatness"} <= set(dropout.tasks)
        assert set(plain.tasks) == {"training", "flatness_slices"}
        assert set(plain.tables) == {"history", "predictions", "slices", "slice_widths"}

    def test_that_is_tentative_is_measured_along_a_training_without_dropout(self, workflow):
        plain = run(workflow, "mnist_fnn_plain", "lr0.1")
        assert not plain.has_noise and plain.tables["alignment"] == "noise"
        assert len(plain.tasks["noise_alignment"].settings["keep_probs"]) > 1


class TestTasks:
    def test_settings_are_those_of_the_run_before_those_of_the_experiment(self):
        found = changed(train_examples=123, initial_scale=[1, 2, 3], mask_mode="shared").tasks["training"].settings
        assert found["data"]["train_examples"] == 123 and found["model"]["initial_scale"] == [1, 2, 3]
        assert found["mask_mode"] == "shared" and found["keep_prob"] == 0.9

    def test_settings_are_no_more_than_what_decides_the_job(self, workflow):
        one, other = (run(workflow, "mnist_fnn", f"keep0.8-lr{rate}").tasks for rate in (0.1, 0.2))
        for rule in ("curvature", "flatness", "noise_spectrum", "noise_projection"):
            assert one[rule].settings == other[rule].settings, rule
        assert one["training"].settings != other["training"].settings
        assert not {"keep_prob", "mask_mode"} & one["curvature"].settings.keys()

    def test_compiled_training_always_runs_on_the_cpu(self):
        workflow = configured(device="cuda")
        compiled = run(workflow, "curve_tanh", "dropout").tasks["training"]
        stacked = run(workflow, "mnist_fnn", "keep0.9-lr0.1").tasks["training"]
        assert (compiled.settings["device"], compiled.gpus) == ("cpu", 0)
        assert (stacked.settings["device"], stacked.gpus) == ("cuda", 1)

    def test_translations_are_of_the_transformer(self, workflow):
        assert run(workflow, "multi30k_transformer", "dropout").tables["translations"] == "training"
        assert "translations" not in run(workflow, "mnist_fnn", "keep0.9-lr0.1").tables


def test_the_runs_that_claims_are_judged_on_have_the_experiments_dropout(workflow):
    experiment = workflow.trained["mnist_fnn"]
    main = {name for name, one in experiment.runs.items() if experiment.is_main(one)}
    variants = {name for name, one in experiment.runs.items() if not one.is_main}
    assert variants and main == set(experiment.runs) - variants
    compared = workflow.trained["cifar10_vgg9"]
    assert [name for name, one in compared.runs.items() if compared.is_main(one)] == ["dropout"]
    plain = workflow.trained["mnist_fnn_plain"]
    assert all(plain.is_main(one) for one in plain.runs.values()), "none of them has dropout"
