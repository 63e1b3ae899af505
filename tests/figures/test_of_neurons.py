"""The figures of paper B on condensation: losses along training, functions, neurons and effective ratios."""

import math

import numpy as np
import pandas as pd
import pytest

from tests.figures.made import Made, check_page, legends, titles
from tests.figures.of_objectives import experiment, run

SEEDS = (0, 1)


def losses(start, decades, steps, seeds=SEEDS):
    """Losses that fall by so many decades, the second seed's ten times as high."""
    return pd.DataFrame(
        {"seed": seed, "step": step, "loss": start * 10**seed * 10 ** (-decades * step / steps[-1])}
        for seed in seeds
        for step in steps
    )


def test_a_training_that_goes_on_stands_behind_its_start(tmp_path):
    runs = {
        "grandchild": run("risk_plus_r1", 0.9, start="child"),
        "child": run("dropout", 0.9, start="plain"),
        "plain": run("risk", 1.0),
    }
    frames = [losses(1, 1, (0, 20)), losses(1, 2, (0, 30)), losses(1, 4, (0, 50, 100))]
    made = Made(tmp_path, "loss_histories", [experiment(runs)], {"history": frames}, level=1e-3)
    curve = made.points[made.points["quantity"] == "loss"].groupby("run")["at"].agg(["min", "max"])
    assert curve.loc["plain"].tolist() == [0, 100]
    assert curve.loc["child"].tolist() == [100, 130] and curve.loc["grandchild"].tolist() == [130, 150]
    assert made.description["starts"] == [100, 130]
    figure = made.drawn()
    check_page(figure)
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    vertical = [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]
    assert vertical == [100, 130]


def test_the_first_step_below_the_level_is_named_and_counted(tmp_path):
    runs = {"plain": run("risk", 1.0), "slow": run("risk", 1.0, initial_scale=[0.01, 0.01])}
    frames = [losses(1, 4, (0, 25, 50, 75, 100)), losses(1, 2.5, (0, 1000))]
    made = Made(tmp_path, "loss_histories", [experiment(runs)], {"history": frames}, level=1e-2)
    first = made.summary[made.summary["quantity"] == "first step below the level"].set_index("run")
    # Losses of 1e-4 and 1e-3 at the end: below 1e-2 at step 75 for one seed, at 100 for the other.
    assert first.loc["plain", ["mean", "low", "high"]].tolist() == [87.5, 75, 100]
    assert first.loc["slow", ["mean", "seeds", "undefined"]].tolist() == [1000, 1, 1]
    reasons = [entry["reasons"] for entry in made.description["undefined"]]
    assert reasons == [{}, {"the loss stays above 0.01": 1}]
    figure = made.drawn()
    check_page(figure)
    assert figure.axes[0].get_xscale() == "symlog"
    assert [text.partition(" (no dropout)")[2] for text in legends(figure)[0][:2]] == [
        ", initial scale default: below at 88",
        ", initial scale 0.01, 0.01: below at 1,000, 1 of 2 seeds",
    ]


def test_curves_are_geometric_means_and_a_loss_of_zero_has_no_place(tmp_path):
    frame = losses(1, 4, (0, 100))
    frame.loc[1, "loss"] = 0.0
    made = Made(tmp_path, "loss_histories", [experiment({"plain": run("risk", 1.0)})], {"history": [frame]})
    assert made.summary["mean"].tolist() == pytest.approx([math.sqrt(10), 1e-3])
    assert made.description["undefined"] == [{"of": "losses", "points": 4, "reasons": {"loss not positive": 1}}]
    check_page(made.drawn())


THRESHOLD = 0.9
MAPS = {"plain": np.eye(4), "dropout": np.array([1, 1, -1, -1])[:, None] * np.array([1, 1, -1, -1])}


def similarity(matrix, layer="layers.0.weight"):
    rows = [(layer, row, column, value) for (row, column), value in np.ndenumerate(matrix)]
    return pd.DataFrame(rows, columns=["layer", "row", "column", "cosine"])


def test_maps_say_how_many_pairs_are_parallel(tmp_path):
    runs = {"plain": run("risk", 1.0), "dropout": run("dropout", 0.5)}
    frames = [similarity(MAPS[name]) for name in runs]
    made = Made(tmp_path, "similarity_map", [experiment(runs, threshold=THRESHOLD)], {"similarity": frames})
    assert made.summary.set_index("run")[["neurons", "parallel"]].to_dict("index") == {
        "plain": {"neurons": 4, "parallel": 0.0},
        "dropout": {"neurons": 4, "parallel": 1.0},
    }
    figure = made.drawn()
    check_page(figure)
    assert [axes.images[0].get_array().tolist() for axes in figure.axes[:2]] == [MAPS[name].tolist() for name in runs]
    assert figure.axes[1].get_title("left").endswith("keep 0.5: 100 % parallel")


def test_a_neuron_without_weights_has_no_cosine_and_is_counted(tmp_path):
    matrix = np.ones((3, 3))
    matrix[2], matrix[:, 2] = math.nan, math.nan
    made = Made(tmp_path, "similarity_map", [experiment({"a": run()})], {"similarity": [similarity(matrix)]})
    assert made.description["undefined"][0]["reasons"] == {"a neuron without weights has no direction": 5}
    assert made.summary.loc[0, ["neurons", "parallel"]].tolist() == [3, 1.0]
    assert made.drawn().axes[0].images[0].get_array().mask.sum() == 5


LAYERS = ("conv2", "conv3")


def condensation(last, steps=(0, 10, 1000)):
    return pd.DataFrame(
        {
            "seed": seed, "layer": layer, "step": step,
            "effective_ratio": 1 + (last - 1) * step / steps[-1] + 0.01 * seed,
            "effective_ratio_unsigned": 0.5, "leading_share": 0.3 + 0.4 * step / steps[-1] + 0.1 * seed,
            "rotation": 50 * step / steps[-1] + 2 * seed, "movement": 0.6 * step / steps[-1],
        }
        for seed in SEEDS
        for layer in LAYERS
        for step in steps
    )  # fmt: skip


def test_effective_ratios_have_a_curve_per_run_and_layer(tmp_path):
    runs = {"plain": run("risk", 1.0), "dropout": run("dropout", 0.5)}
    frames = [condensation(0.9), condensation(0.4)]
    made = Made(tmp_path, "effective_ratios", [experiment(runs)], {"condensation": frames})
    ends = made.summary[(made.summary["step"] == 1000) & (made.summary["quantity"] == "effective ratio")]
    assert ends.set_index(["run", "layer"])["mean"].round(9).to_dict() == {
        (name, layer): value for name, value in (("plain", 0.905), ("dropout", 0.405)) for layer in LAYERS
    }
    figure = made.drawn()
    check_page(figure)
    assert len(figure.axes[0].lines) == 4 and legends(figure)[0][-2:] == list(LAYERS)


def test_a_training_that_condenses_is_told_from_one_that_selects(tmp_path):
    runs = {
        "plain": run("risk", 1.0, initial_scale=[1, 0.3]),
        "adam": run("dropout", 0.5, initial_scale=[1, 0.3], optimizer="adam"),
        "then": run("dropout", 0.5, initial_scale=[1, 0.3], start="plain"),
    }
    frames = [condensation(0.9).assign(rotation=turned) for turned in (2.0, 40.0, 40.0)]
    narrow = {"adam": run("dropout", 0.5, initial_scale=[1, 0.3], optimizer="adam")}
    made = Made(
        tmp_path,
        "rotation_and_share",
        [experiment(runs, width=100), experiment(narrow, name="narrow", width=10)],
        {"condensation": [*frames, frames[1]]},
    )
    ends = made.summary.pivot_table(index=["experiment", "run"], columns="quantity", values="mean")
    assert ("mnist", "then") not in ends.index  # it does not start anew
    assert ends["rotation"].to_dict() == {("mnist", "plain"): 2, ("mnist", "adam"): 40, ("narrow", "adam"): 40}
    figure = made.drawn()
    check_page(figure)
    assert titles(figure) == ["gradient descent, width 100", "Adam, width 100", "over the width"]
    points = [
        [line.get_xydata()[0].tolist() for line in axes.lines if len(line.get_xdata()) == 1] for axes in figure.axes
    ]
    assert points[:2] == [[[2, 0.75]], [[40, 0.75]]]
    widths = [list(line.get_xdata()) for line in figure.axes[2].lines]
    assert [10, 100] in widths


def neurons(spread, steps=(0, 500), layers=("layers.0.weight", "layers.1.weight")):
    """Forty neurons at random angles that end near 1 radian; a second layer whose input is not one-dimensional."""
    random = np.random.default_rng(0)
    frames = []
    for seed in SEEDS:
        for step, width in zip(steps, (math.pi, spread), strict=True):
            angle = np.clip(random.uniform(-width, width, 40) + (step > 0), -math.pi, 3.14)
            first = pd.DataFrame({"layer": layers[0], "neuron": range(40), "orientation": angle})
            second = pd.DataFrame({"layer": layers[1], "neuron": range(3), "orientation": math.nan})
            frame = pd.concat([first, second]).assign(seed=seed, step=step)
            frames.append(frame.assign(amplitude=2.0 * (1 + frame["neuron"]), dead=frame["neuron"] % 4 == 0))
    return pd.concat(frames)


def function(height, steps=(0, 500)):
    x = np.linspace(-1, 1, 201)
    return pd.concat(
        pd.DataFrame({"seed": seed, "step": step, "x": x, "output": height * np.sin(9 * x) * (step > 0) + 0.1 * seed})
        for seed in SEEDS
        for step in steps
    )


def features(names=("two_layers", "three_layers")):
    runs = {"plain": run("risk", 1.0), "dropout": run("dropout", 0.9)}
    count = len(names)
    inputs = {
        "neurons": [neurons(math.pi), neurons(0.1)] * count,
        "function": [function(2), function(0.5)] * count,
        "condensation": [condensation(1, (0, 500))] * 2 * count,
        "predictions": [
            pd.DataFrame({"seed": 0, "split": ["train", "train", "test"], "x": [-0.5, 0.5, 0], "target": [-1, 1, 9]})
        ]
        * 2
        * count,
    }
    return [experiment(runs, name) for name in names], inputs


def test_neurons_are_those_of_the_first_and_last_step_relative_to_the_greatest(tmp_path):
    made = Made(tmp_path, "condensation_features", *features())
    assert set(made.points["moment"]) == {"first", "last"}
    greatest = made.points.groupby(["experiment", "run", "seed", "layer", "step"])["share"].max()
    assert (greatest == 1).all()
    drawn = made.points[made.points["drawn"]]
    assert set(drawn["seed"]) == {0} and set(drawn["layer"]) == {"layers.0.weight"} and len(drawn) == 4 * 2 * 40
    assert set(drawn["reason"].dropna()) == set()
    (entry,) = made.description["undefined"]
    assert list(entry["reasons"].values()) == [4 * 2 * 2 * 3]
    condensed = {(one["experiment"], one["run"]): one for one in made.description["condensed"]}
    assert len(condensed) == 4
    found = [condensed["two_layers", "plain"][key] for key in ("first", "last", "rotation", "movement")]
    assert found == pytest.approx([0.35, 0.75, 51, 0.6])


def test_outputs_are_those_of_the_last_step_with_the_training_data(tmp_path):
    made = Made(tmp_path, "condensation_features", *features(["one"]))
    outputs = made.summary[made.summary["quantity"] == "output"]
    assert outputs.groupby("run")["value"].max().to_dict() == pytest.approx({"plain": 2.1, "dropout": 0.6}, abs=0.02)
    data = made.summary[made.summary["quantity"] == "training data"]
    assert data.groupby("run")["x"].apply(list).to_dict() == {"plain": [-0.5, 0.5], "dropout": [-0.5, 0.5]}


@pytest.mark.parametrize("names", (["one"], ["two_layers", "three_layers"]))
def test_a_row_per_experiment_has_the_outputs_and_each_runs_neurons(names, tmp_path):
    made = Made(tmp_path, "condensation_features", *features(names))
    figure = made.drawn()
    check_page(figure)
    assert len(figure.axes) == 3 * len(names)
    outputs, plain, dropout = figure.axes[-3:]
    title = "fully-connected network 784-50-10 on MNIST"
    assert titles(figure)[-3] == (title if len(names) == 1 else f"{title}, three layers")
    assert len(outputs.lines) == 2 * 2 + 1
    for panel, spread in ((plain, 1.0), (dropout, 0.1)):
        first, first_dead, last, last_dead = (one.get_offsets() for one in panel.collections)
        assert [len(one) for one in (first, first_dead, last, last_dead)] == [30, 10, 30, 10]
        assert last[:, 1].max() == 1
        assert (np.ptp(last[:, 0]) < 0.3) == (spread < 1) and np.ptp(first[:, 0]) > 4
    assert "35% → 75%\nturned 51°\nmoved 0.6" in [text.get_text() for text in plain.texts]
    assert legends(figure)[-1] == ["first step", "last step"]


def test_rows_that_neither_scale_nor_optimizer_tells_apart_have_both(tmp_path):
    experiments, inputs = features(["one"])
    plain = experiments[0]["runs"]["plain"]
    experiments[0]["runs"] = {
        "gd": plain,
        "adam": plain | {"optimizer": "adam"},
        "small": plain | {"initial_scale": [1, 0.5]},
    }
    inputs = {table: [frames[0]] * 3 for table, frames in inputs.items()}
    shown = titles(Made(tmp_path, "condensation_features", experiments, inputs).drawn())[::2]
    details = ("scale default, gradient descent", "scale default, Adam", "scale 1, 0.5, gradient descent")
    assert all(any(title.endswith(detail) for title in shown) for detail in details), shown


def test_another_initialisation_has_a_row_of_its_own(tmp_path):
    experiments, inputs = features(["one"])
    runs = experiments[0]["runs"]
    small = {name: settings | {"initial_scale": [1, 0.1]} for name, settings in runs.items()}
    experiments[0]["runs"] = {"dropout-small": small["dropout"], **runs, "plain-small": small["plain"]}
    inputs = {table: [frames[1], *frames, frames[0]] for table, frames in inputs.items()}
    figure = Made(tmp_path, "condensation_features", experiments, inputs).drawn()
    check_page(figure)
    shown = titles(figure)
    assert shown[::3] == ["initial scale 1, 0.1", "initial scale default"]
    assert titles(Made(tmp_path, "condensation_features", *with_adam()).drawn())[::3] == ["gradient descent", "Adam"]
    # Within a row only the objective differs, so both rows have the same two looks.
    assert shown[1:3] == shown[4:6] and len(legends(figure)[0]) == 3


def with_adam():
    experiments, inputs = features(["one"])
    runs = experiments[0]["runs"]
    experiments[0]["runs"] = runs | {f"{name}-adam": run | {"optimizer": "adam"} for name, run in runs.items()}
    return experiments, {table: frames * 2 for table, frames in inputs.items()}


def test_both_files_of_the_widest_figure_are_written(tmp_path):
    paths = Made(tmp_path, "condensation_features", *features()).saved()
    with open(paths["pdf"], "rb") as pdf, open(paths["png"], "rb") as png:
        assert pdf.read(4) == b"%PDF" and png.read(4) == b"\x89PNG"
