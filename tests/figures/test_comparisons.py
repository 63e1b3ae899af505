"""The figures that compare end points with and without dropout over several experiments."""

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.files import read_json, read_table, write_json, write_table
from dropscape.figures.draw.slices import draw as slices_figure
from dropscape.figures.draw.stage import draw_run
from dropscape.figures.tables.stage import table_run
from tests.figures.conftest import OUTPUTS
from tests.figures.of_objectives import legends

ALPHA = np.linspace(-1, 1, 11)
SHARPNESS = {"dropout": 1.0, "plain": 4.0}
ACCURACY = {"dropout": 0.606, "plain": 0.592}


def slices(run):
    rows = [
        {"seed": seed, "direction": direction, "alpha": alpha, "loss": SHARPNESS[run] * alpha**2 + 0.01 * direction}
        for seed in (0, 1)
        for direction in range(5)
        for alpha in ALPHA
    ]
    rows[3]["loss"] = np.nan
    return pd.DataFrame(rows)


def history(run):
    last = [{"seed": seed, "step": 9, "loss": 0.1, "train_accuracy": 1.0, "test_accuracy": ACCURACY[run]}
            for seed in (0, 1)]  # fmt: skip
    first = [row | {"step": 0, "test_accuracy": 0.1} for row in last]
    return pd.DataFrame(last + first)


@pytest.fixture
def made(tmp_path):
    """``made(kind)`` writes the table and the drawing of two experiments on different data."""

    def make(kind, translated=False):
        experiments = []
        inputs = {"slices": [], "history": [], "translations": []}
        architectures = (("mnist_wide", "fnn"), ("cifar10_vgg9", "transformer" if translated else "vgg9"))
        for name, model in architectures:
            runs = {"dropout": {"keep_prob": [0.8, 0.5]}, "plain": {"keep_prob": 1}}
            experiments.append(
                {
                    "name": name,
                    "model": model,
                    "loss": "mse" if model == "fnn" else "cross_entropy",
                    "runs": runs,
                    "train_examples": 2048,
                    "samples": None,
                    "seeds": [0, 1],
                }
            )
            for run in runs:
                for table, build in (("slices", slices), ("history", history)):
                    path = tmp_path / name / run / f"{table}.csv"
                    write_table(path, build(run))
                    inputs[table].append(str(path))
                if model == "transformer":
                    path = tmp_path / name / run / "translations.csv"
                    write_table(path, pd.DataFrame({"seed": [0, 0, 1], "bleu": [20.0, 20.0, 30.0]}))
                    inputs["translations"].append(str(path))
        descriptions = []
        for dataset in ("mnist", "cifar10"):
            descriptions.append(str(tmp_path / f"{dataset}.json"))
            write_json(descriptions[-1], {"label": f"{dataset}, stand-in data", "dataset": dataset})
        paths = {name: str(tmp_path / file) for name, file in OUTPUTS.items()}
        settings = {"kind": kind, "place": "Paper A, Fig. 1", "scale": "quick", "experiments": experiments}
        table_run(settings, descriptions, inputs, paths)
        draw_run(paths["points"], paths["summary"], paths["description"], paths)
        return read_table(paths["points"]), read_table(paths["summary"]), read_json(paths["description"]), paths

    return make


def test_slices_have_the_median_of_every_alpha_and_count_what_is_not_finite(made):
    points, summary, description, paths = made("slices")
    assert len(points) == 2 * 2 * 2 * 5 * len(ALPHA)
    assert description["undefined"] == [{"of": "losses", "points": 440, "reasons": {"the loss is not finite": 4}}]
    edge = summary[summary["alpha"] == 1].set_index(["experiment", "run"])
    assert edge.loc[("mnist_wide", "plain"), "median"] == pytest.approx(4.02)
    assert edge.loc[("cifar10_vgg9", "dropout"), "median"] == pytest.approx(1.02)
    assert edge.loc[("cifar10_vgg9", "dropout"), ["keep_prob", "test_accuracy"]].tolist() == [0.5, 0.606]
    with open(paths["png"], "rb") as picture:
        assert picture.read(4) == b"\x89PNG"


def test_slices_of_a_regression_have_no_accuracy_and_no_unit(made):
    points, summary, description, _ = made("slices")
    figure = slices_figure(points, summary, description)
    assert figure.axes[0].get_ylabel() == "loss" and "(60.6 %)" in str(legends(figure))
    figure = slices_figure(points, summary.assign(test_accuracy=np.nan), description | {"losses": ["cross_entropy"]})
    assert figure.axes[0].get_ylabel() == "loss [nats]"
    assert legends(figure)[0] == ["without dropout", "with dropout"] and "Percentages" not in figure.texts[1].get_text()


def test_accuracies_are_those_of_the_last_step(made):
    points, summary, description, _ = made("accuracies")
    assert set(points["step"]) == {9}
    assert summary.set_index(["experiment", "run"])["mean"].to_dict() == {
        (name, run): ACCURACY[run] for name in ("mnist_wide", "cifar10_vgg9") for run in ACCURACY
    }
    assert [one["data"] for one in description["experiments"]] == ["mnist, stand-in data", "cifar10, stand-in data"]


def test_a_transformer_has_its_bleu_beside_its_accuracy(made):
    points, summary, *_ = made("accuracies", translated=True)
    bleu = summary.set_index(["experiment", "run"])["bleu"]
    assert bleu["cifar10_vgg9", "plain"] == 25 and np.isnan(bleu["mnist_wide", "plain"])
    assert points.loc[points["experiment"] == "cifar10_vgg9", "bleu"].tolist() == [20, 30, 20, 30]
