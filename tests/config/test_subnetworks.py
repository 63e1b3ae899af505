"""Experiments on sub-networks: two algorithms with data of two forms, and what cannot work."""

import pytest

from dropscape.errors import ConfigurationError

COMMON = {"widths": [10, 20], "keep_probs": [0.5, 0.2], "learning_rate": "1e-2", "recorded_steps": 5, "seeds": [0]}
CAPS = {"distribution": "caps", "dimension": 4, "separation": 0.5, "test_examples": 20}
IMAGES = {"dataset": "mnist", "train_examples": 20, "test_examples": 10}
TWO_LAYER = COMMON | {"algorithm": "two_layer", "data": CAPS, "steps": 10}
CNN = COMMON | {"algorithm": "cnn", "data": IMAGES, "channels": [2, 3], "hidden": 4, "batch_size": 5, "epochs": 1}
FIGURE = {"kind": "subnetwork_accuracies", "experiment": "own", "paper_reference": "none"}


def overrides(experiment, figure=None):
    return {"subnetworks": {"subnetworks": {"own": experiment}, "figures": {"own": figure} if figure else {}}}


def tables(experiment):
    return [table for task in experiment.tasks("cpu") for table in task.tables]


def test_an_experiment_has_the_data_and_the_tables_of_its_algorithm(load):
    def own(experiment):
        return load(overrides=overrides(experiment)).experiments["own"]

    generated = own(TWO_LAYER)
    assert generated.dataset is None and tables(generated) == ["errors", "distances", "margins"]
    assert "subnetworks_distribution" in {task.rule for task in generated.tasks("cpu")}
    assert generated.model_dump()["data"] == CAPS and generated.model_dump()["learning_rate"] == 0.01
    assert generated.described["train_examples"] == generated.steps, "every iteration has an example of its own"
    digits = own(TWO_LAYER | {"data": IMAGES | {"digits": [3, 8]}})
    assert (digits.dataset, digits.described["train_examples"]) == ("mnist", 20)
    assert digits.model_dump()["data"] == IMAGES | {"digits": [3, 8]}
    network = own(CNN)
    assert network.model_dump()["data"] == IMAGES | {"normalisation": "channel"}
    assert (network.dataset, tables(network), network.random_masks) == ("mnist", ["accuracies"], 0)
    widths = [task.settings["widths"] for task in network.tasks("cuda") if task.rule == "subnetworks_cnn"]
    assert widths == [[10], [20]]
    compared = own(CNN | {"random_masks": 2, "compared": ["plain", "alone"], "compared_widths": [20]})
    trainings = [task.settings["compared"] for task in compared.tasks("cpu") if task.rule == "subnetworks_cnn"]
    assert trainings == [[], ["plain", "alone"]]
    assert compared.tested[3:] == ["random", "full_plain", "random_plain", "full_alone"]


@pytest.mark.parametrize(
    ("experiment", "kind", "more"),
    [
        (CNN, "subnetwork_accuracies", {}),
        (CNN, "subnetwork_accuracies", {"panels": [{"width": 20, "keep_prob": 0.2}]}),
        (CNN | {"compared": ["alone"]}, "subnetwork_accuracies", {"networks": ["pruned", "full_alone"]}),
        (CNN | {"random_masks": 2}, "random_subnetworks", {}),
        (TWO_LAYER, "error_rates", {}),
        (TWO_LAYER, "distances", {}),
    ],
)
def test_a_figure_draws_it(load, experiment, kind, more):
    settings = load(overrides=overrides(experiment, FIGURE | {"kind": kind} | more))
    assert settings.studies["subnetworks"].figures["own"].experiments == ["own"]


REFUSED = [
    (CNN | {"width": 3}, None, "'subnetworks.subnetworks.own.width' is not a known key"),
    (CNN | {"algorithm": "rnn"}, None, "own.algorithm' is 'rnn': write one of two_layer, cnn"),
    (TWO_LAYER | {"data": CAPS | {"separation": 1}}, None, "own.data.separation' is 1: write less than 1"),
    (
        TWO_LAYER | {"data": CAPS | {"distribution": "sectors", "dimension": 2}},
        None,
        "own.data: dimension is 2: write at least 3 for sectors",
    ),
    (TWO_LAYER | {"data": IMAGES}, None, "own.data.digits"),
    (TWO_LAYER | {"data": IMAGES | {"digits": [3, 3]}}, None, "digits [3, 3] names one class: write two"),
    (CNN | {"data": IMAGES | {"dataset": "digits"}}, None, "experiment 'own' names the dataset 'digits': write "),
    (CNN | {"widths": [10, 10]}, None, "own.widths: [10, 10] names a value twice: write each once"),
    (CNN | {"seeds": [1, 1]}, None, "seeds: [1, 1] names a seed twice"),
    (
        CNN,
        FIGURE | {"panels": [{"width": 30, "keep_prob": 0.2}]},
        "figure subnetworks-own has a panel of width 30 and keep_prob 0.2, which 'own' does not train: write widths of "
        "[10, 20] and keep_probs of [0.5, 0.2]",
    ),
    (
        CNN | {"compared": ["alone"]},
        FIGURE | {"networks": ["full_alone", "full_plain"]},
        "subnetworks-own draws the networks 'full_plain', which 'own' does not test: write networks of full, visited, "
        "pruned, full_alone",
    ),
    (CNN, FIGURE | {"kind": "random_subnetworks"}, "write random_masks in experiment 'own'"),
    (
        CNN,
        FIGURE | {"kind": "distances"},
        "subnetworks-own of kind distances needs the table distances, which experiment 'own' has not",
    ),
    (
        TWO_LAYER,
        FIGURE | {"kind": "distances", "panels": [{"width": 10, "keep_prob": 0.2}]},
        "figures.own.panels' is not a known key",
    ),
]


@pytest.mark.parametrize(("experiment", "figure", "sentence"), REFUSED, ids=[case[2][-40:] for case in REFUSED])
def test_what_cannot_work_is_refused(load, experiment, figure, sentence):
    with pytest.raises(ConfigurationError) as error:
        load(overrides=overrides(experiment, figure))
    assert sentence.lower() in str(error.value).lower()
    assert "\n" not in str(error.value)
