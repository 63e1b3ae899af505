"""The figures that compare end points with and without dropout over several experiments."""

import numpy as np
import pandas as pd
import pytest

from tests.figures.made import Made, check_page, footer, legends, titles

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


def widths(run, rise=0.5):
    """A parabola's, of the judged rise and of another one."""
    rows = [
        {"seed": seed, "direction": direction, "moved": moved, "rise": r, "judged": r == rise and moved == "weights",
         "loss0": 0.01 * direction, "half_width": (r / SHARPNESS[run]) ** 0.5}
        for seed in (0, 1) for direction in range(5) for moved in ("weights", "all") for r in (rise, 9.0)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def history(run):
    last = [{"seed": seed, "step": 9, "loss": 0.1, "train_accuracy": 1.0, "test_accuracy": ACCURACY[run]}
            for seed in (0, 1)]  # fmt: skip
    first = [row | {"step": 0, "test_accuracy": 0.1} for row in last]
    return pd.DataFrame(last + first)


RUNS = {"dropout": {"keep_prob": [0.8, 0.5], "optimizer": "gd"}, "plain": {"keep_prob": 1, "optimizer": "gd"}}
FULLY_CONNECTED = {"name": "mnist_wide", "model": "fnn", "network": "fully-connected network 784-1024-1024-10"}
NETWORKS = {
    "vgg9": FULLY_CONNECTED | {"name": "cifar10_vgg9", "model": "vgg9", "network": "VGG-9", "title": "CIFAR-10"},
    "transformer": FULLY_CONNECTED
    | {"name": "multi30k_transformer", "model": "transformer", "network": "transformer", "title": "Multi30k"},
}


@pytest.fixture
def make(tmp_path):
    """``make(kind)`` makes the figure of two experiments on different data."""

    def made(kind, second="vgg9", **more):
        shared = {"runs": RUNS, "train_examples": 2048, "samples": None, "seeds": [0, 1]}
        shared["dropout"] = {"dropout_after": 1, "mask_mode": "per_example"}
        experiments = [
            FULLY_CONNECTED | {"title": "MNIST", "loss": "mse", "label_smoothing": 0.0},
            NETWORKS[second] | {"loss": "cross_entropy", "label_smoothing": 0.1 if second == "transformer" else 0.0},
        ]
        inputs = {"history": [history(run) for run in RUNS] * 2}
        if kind == "slices":
            inputs["slices"] = [slices(run) for run in RUNS] * 2
            inputs["slice_widths"] = [widths(run) for run in RUNS] * 2
        elif second == "transformer":
            bleu = pd.DataFrame({"seed": [0, 0, 1], "bleu": [20.0, 20.0, 30.0]})
            inputs["translations"] = [None, None, bleu, bleu]
        return Made(tmp_path, kind, [one | shared | more for one in experiments], inputs)

    return made


def test_slices_have_the_median_of_every_alpha_and_count_what_is_not_finite(make):
    made = make("slices")
    assert len(made.points) == 2 * 2 * 2 * 5 * len(ALPHA)
    assert made.description["undefined"] == [{"of": "losses", "points": 440, "reasons": {"the loss is not finite": 4}}]
    edge = made.summary[made.summary["alpha"] == 1].set_index(["experiment", "run"])
    assert edge.loc[("mnist_wide", "plain"), "median"] == pytest.approx(4.02)
    assert edge.loc[("cifar10_vgg9", "dropout"), "median"] == pytest.approx(1.02)
    assert edge.loc[("cifar10_vgg9", "dropout"), ["keep_prob", "test_accuracy"]].tolist() == [0.5, 0.606]
    with open(made.saved()["png"], "rb") as picture:
        assert picture.read(4) == b"\x89PNG"


def test_the_judged_widths_are_drawn_at_the_level_that_ends_them(make):
    figure = make("slices").drawn()
    for axes in figure.axes:
        bars = {tuple(line.get_xdata()): set(line.get_ydata()) for line in axes.lines if line.get_marker() == "|"}
        expected = {run: (0.5 / sharpness) ** 0.5 for run, sharpness in SHARPNESS.items()}
        for width in expected.values():
            (level,) = next(levels for ends, levels in bars.items() if ends == pytest.approx((-width, width)))
            assert level == pytest.approx(0.02 + 0.5)
    assert (
        legends(figure)[0][-1] == "width at a rise of 0.5" and legends(figure)[1][-1] == "width at a rise of 0.5 nats"
    )


def test_trainings_with_different_optimizers_are_told_apart(make):
    runs = {name: run | {"optimizer": "adam" if name == "plain" else "gd"} for name, run in RUNS.items()}
    figure = make("slices", runs=runs).drawn()
    texts = legends(figure)[0][:2]
    assert "without dropout, Adam" in texts[0] and "with dropout, gradient descent" in texts[1]
    styles = {line.get_linestyle() for line in figure.axes[0].lines if line.get_marker() != "|"}
    assert len(styles) == 2
    check_page(figure)


def test_high_losses_are_logarithmic_above_the_level_and_flat_ones_linear(make):
    made = make("slices")
    low, high = made.summary["experiment"] == "mnist_wide", made.summary["experiment"] == "cifar10_vgg9"
    summary = made.summary.copy()
    for column in ("low", "median", "high"):
        summary.loc[low, column] = summary.loc[low, column] / 4
        summary.loc[high, column] = summary.loc[high, column] * 100
    figure = made.drawn(summary=summary)
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "symlog"]
    assert figure.axes[0].get_ylim()[1] > 0.25 * 4 and figure.axes[1].get_ylim() == (0, 1000)
    assert figure.axes[1].get_yticks().tolist() == [0, 0.5, 1, 10, 100, 1000]
    assert "logarithmic above" in footer(figure)
    check_page(figure)


def test_the_footer_says_what_moves_and_whether_labels_are_smoothed(make):
    assert "smoothed" not in footer(make("slices").drawn())
    made = make("slices", second="transformer")
    assert "cross-entropy with smoothed labels keeps their entropy" in footer(made.drawn())
    assert (
        "Weights alone move; biases and the scales and shifts of norms do not; batch norm keeps its statistics"
        in footer(made.drawn())
    )
    figure = made.drawn(description=made.description | {"moved": ["all"]})
    assert "Biases and the scales and shifts of norms move too" in footer(figure)


def test_slices_of_a_regression_have_no_accuracy_and_no_unit(make):
    made = make("slices")
    figure = made.drawn()
    assert figure.axes[0].get_ylabel() == "loss" and "(60.6 %)" in str(legends(figure))
    summary = made.summary.assign(test_accuracy=np.nan)
    figure = made.drawn(summary=summary, description=made.description | {"losses": ["cross_entropy"] * 2})
    assert figure.axes[0].get_ylabel() == "loss [nats]"
    assert legends(figure)[0][:2] == ["without dropout", "with dropout"] and "Percentages" not in footer(figure)


def test_accuracies_are_those_of_the_last_step(make):
    made = make("accuracies")
    assert set(made.points["step"]) == {9}
    assert made.summary.set_index(["experiment", "run"])["mean"].to_dict() == {
        (name, run): ACCURACY[run] for name in ("mnist_wide", "cifar10_vgg9") for run in ACCURACY
    }
    data = [one["data"] for one in made.description["experiments"]]
    assert data == ["mnist_wide, stand-in data", "cifar10_vgg9, stand-in data"]


def test_a_transformer_has_its_bleu_beside_its_accuracy(make):
    made = make("accuracies", second="transformer")
    bleu = made.summary.set_index(["experiment", "run"])["bleu"]
    assert bleu["multi30k_transformer", "plain"] == 25 and np.isnan(bleu["mnist_wide", "plain"])
    assert made.points.loc[made.points["experiment"] == "multi30k_transformer", "bleu"].tolist() == [20, 30, 20, 30]
    figure = made.drawn()
    check_page(figure)
    assert [text.get_text() for text in figure.axes[0].texts if "BLEU" in text.get_text()] == [
        f"{100 * accuracy:.1f} (BLEU 25.0)" for accuracy in ACCURACY.values()
    ]


@pytest.mark.parametrize("kind", ("slices", "accuracies"))
def test_networks_and_datasets_have_the_names_that_people_use(kind, make):
    figure = make(kind).drawn()
    check_page(figure)
    shown = (
        titles(figure)
        if kind == "slices"
        else [" ".join(label.get_text().split()) for label in figure.axes[0].get_yticklabels()]
    )
    assert shown == ["fully-connected network 784-1024-1024-10 on MNIST", "VGG-9 on CIFAR-10"]
    assert "Fully-connected network 784-1024-1024-10 on MNIST; mnist_wide, stand-in data; n = 2,048" in footer(figure)
    assert "VGG-9 on CIFAR-10; cifar10_vgg9, stand-in data; n = 2,048" in footer(figure)
