"""The figures of paper B that compare trainings on different objectives."""

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.figures.made import OUTPUTS, Made, check_page, footer, legends, titles
from tests.figures.of_objectives import experiment, run

KEEP_PROBS = (0.2, 0.5, 0.8)
SEEDS = (0, 1)


def history(accuracy, loss=0.1, r1=0.02, steps=(0, 50, 100), test_loss=math.nan):
    """Accuracies at the end by seed, lower before; the loss falls to ``loss``."""
    return pd.DataFrame(
        {
            "seed": seed, "step": step, "loss": loss * 10 ** (2 - 2 * step / steps[-1]), "r1": r1,
            "test_accuracy": end if step == steps[-1] else 0.1, "test_loss": test_loss,
        }
        for seed, end in zip(SEEDS, accuracy, strict=True)
        for step in steps
    )  # fmt: skip


def over_keep_prob(rates, objectives):
    runs, frames = {"plain": run("risk", 1.0, rates[0])}, [history((0.78, 0.80), loss=1e-3, r1=0.0)]
    for rate, objective, keep_prob in itertools.product(rates, objectives, KEEP_PROBS):
        runs[f"{objective}-{keep_prob}-{rate}"] = run(objective, keep_prob, rate)
        frames.append(history((0.86 + keep_prob / 20, 0.88 + keep_prob / 20), r1=0.1 * (1 - keep_prob)))
    return runs, frames


def test_each_objective_has_its_mean_and_range_at_every_keep_probability(tmp_path):
    runs, frames = over_keep_prob([5e-3], ["dropout", "risk_plus_r1"])
    made = Made(tmp_path, "objectives_over_keep_prob", [experiment(runs)], {"history": frames})
    summary = made.summary.set_index(["objective", "keep_prob", "quantity"])
    assert summary.loc[("dropout", 0.5, "test accuracy"), ["mean", "low", "high"]].tolist() == pytest.approx(
        [0.895, 0.885, 0.905]
    )
    assert summary.loc[("risk_plus_r1", 0.2, "R_1"), "mean"] == pytest.approx(0.08)
    assert summary.loc[("risk", 1.0, "R_S"), "mean"] == pytest.approx(1e-3)
    assert ("risk", 1.0, "R_1") not in summary.index
    assert set(made.points["step"]) == {100}
    figure = made.drawn()
    check_page(figure)
    accuracy, terms = figure.axes
    assert (accuracy.get_ylabel(), terms.get_yscale()) == ("test accuracy [%]", "log")
    assert "keep probability p" in accuracy.get_xlabel()
    # The risk is a line across the panel, the others are points at their keep probabilities.
    drawn = [line.get_xydata() for line in accuracy.lines]
    assert [[0.0, 79.0], [1.0, 79.0]] in [line.round(9).tolist() for line in drawn]
    beside = [line[:, 0] - KEEP_PROBS for line in drawn if len(line) == 3]
    assert len(beside) == 2 and np.abs(beside).max() < 0.02 and len({round(one[0], 9) for one in beside}) == 2


def test_groups_of_objectives_have_a_panel_each_and_rates_a_dash_each(tmp_path):
    groups = [["dropout", "risk", "risk_plus_r1", "dropout_minus_r2"], ["risk", "risk_plus_r2"]]
    rates = [0.05, 0.005]
    runs, frames = over_keep_prob(rates, {*groups[0], *groups[1], "dropout_minus_r1"} - {"risk"})
    made = Made(tmp_path, "objectives_over_keep_prob", [experiment(runs)], {"history": frames}, objectives=groups)
    assert "dropout_minus_r1" not in set(made.points["objective"])
    figure = made.drawn()
    check_page(figure)
    assert len(figure.axes) == 2
    for entries, group in zip(legends(figure), groups, strict=True):
        assert len(entries) == len(group) + len(rates) and entries[-2:] == ["learning rate 0.05", "learning rate 0.005"]
    solid = [line for line in figure.axes[1].lines if line.get_linestyle() == "-"]
    assert len(solid) == 2 and len(figure.axes[1].lines) == 3
    (slow,) = (line for line in figure.axes[1].lines if line.get_linestyle() != "-")
    assert slow.get_markerfacecolor() == "white" != solid[1].get_markerfacecolor()
    assert figure.axes[1].get_xticks().tolist() == list(KEEP_PROBS)


def test_a_value_that_is_not_finite_is_counted_and_left_out_of_the_mean(tmp_path):
    runs = {"a": run("dropout", 0.5), "b": run("dropout", 0.8)}
    frames = [history((math.nan, 0.9)), history((0.7, 0.8))]
    made = Made(tmp_path, "objectives_over_keep_prob", [experiment(runs)], {"history": frames})
    (entry,) = made.description["undefined"]
    assert entry["reasons"] == {"not a finite number": 1} and entry["points"] == len(made.points) == 12
    row = made.summary[(made.summary["run"] == "a") & (made.summary["quantity"] == "test accuracy")].iloc[0]
    assert (row["mean"], row["seeds"], row["undefined"]) == (0.9, 1, 1)
    assert "1 of 12 values is left out (1 \N{MULTIPLICATION SIGN} not a finite number)." in footer(made.drawn())


def rate_and_penalty():
    values = (0.01, 0.05, 0.1)
    accuracy = {"dropout": (0.40, 0.50, 0.45), "dropout_plus_r2": (0.41, 0.44, 0.52)}
    runs, histories, ratios = {}, [], []
    for objective, (value, mean) in itertools.chain.from_iterable(
        ((objective, pair) for pair in zip(values, means, strict=True)) for objective, means in accuracy.items()
    ):
        given = (
            {"learning_rate": value}
            if objective == "dropout"
            else {"learning_rate": 0.005, "gradient_penalty_weight": value}
        )
        runs[f"{objective}-{value}"] = run(objective, 0.8, **given)
        histories.append(history((mean - 0.01, mean + 0.01)))
        ratios.append(pd.DataFrame({"seed": SEEDS, "mean_loss": 0.1, "mean_squared_gradient": 1.0, "ratio": value}))
    return runs, {"history": histories, "ratios": ratios}


def test_rate_and_penalty_share_an_axis_and_the_best_of_each_is_marked(tmp_path):
    runs, inputs = rate_and_penalty()
    made = Made(tmp_path, "rate_against_penalty", [experiment(runs, samples=3000)], inputs)
    best = made.summary[made.summary["best"]].set_index("objective")["varied"]
    assert best.to_dict() == {"dropout": 0.05, "dropout_plus_r2": 0.1}
    ratios = made.summary[made.summary["quantity"] == "loss over squared gradient"]
    assert (ratios["mean"] == ratios["varied"]).all() and len(ratios) == 6
    figure = made.drawn()
    check_page(figure)
    (rings,) = (line for line in figure.axes[0].lines if line.get_markerfacecolor() == "none")
    assert sorted(map(tuple, rings.get_xydata().round(9))) == [(0.05, 50.0), (0.1, 52.0)]
    assert "learning rate 0.005" in footer(figure) and "N = 3,000 gradients" in footer(figure)


def test_both_mask_modes_are_drawn_in_one_panel_and_each_has_its_best(tmp_path):
    runs, inputs = rate_and_penalty()
    both = [experiment(runs, name, samples=3, mask_mode=name) for name in ("per_example", "shared")]
    made = Made(tmp_path, "rate_against_penalty", both, {table: frames * 2 for table, frames in inputs.items()})
    assert made.summary["best"].sum() == 4
    figure = made.drawn()
    check_page(figure)
    hollow = [line for line in figure.axes[1].lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 2 and len(figure.axes[1].lines) == 4
    assert legends(figure)[1] == ["a mask for each example", "one mask for all examples"]


def test_a_penalty_left_out_is_the_learning_rate(tmp_path):
    runs = {"a": run("dropout_plus_r2", 0.8, 0.02)}
    inputs = {"history": [history((0.4, 0.5))], "ratios": [pd.DataFrame({"seed": SEEDS, "ratio": 1.0})]}
    made = Made(tmp_path, "rate_against_penalty", [experiment(runs)], inputs)
    assert set(made.points["varied"]) == {0.02}


def between(pairs, barrier):
    """Losses between end points of one seed, and much higher ones to those of the other seed, which are not drawn."""
    alphas = np.linspace(0, 1, 11)
    return pd.DataFrame(
        {
            "first": first, "second": second, "seed": seed, "second_seed": other,
            "distance": 0.12 + 0.3 * (seed != other),
            "alpha": alpha, "loss": 0.01 + barrier * alpha * (1 - alpha) + (seed != other),
        }
        for first, second in pairs
        for seed in SEEDS
        for other in SEEDS
        for alpha in alphas
    )  # fmt: skip


def test_interpolations_have_a_panel_per_pair_of_objectives_and_a_curve_per_keep_probability(tmp_path):
    objectives = ["risk_plus_r1", "dropout_minus_r2", "risk_plus_r2", "dropout_minus_r1"]
    runs = {f"{name}-{keep_prob}": run(name, keep_prob) for name in objectives for keep_prob in KEEP_PROBS}
    pairs = [
        (f"{one}-{keep_prob}", f"{other}-{keep_prob}")
        for one, other in itertools.combinations(objectives, 2)
        for keep_prob in KEEP_PROBS
    ]
    made = Made(tmp_path, "interpolations", [experiment(runs)], {"interpolations": [between(pairs, 0.4)]})
    middle = made.summary[made.summary["alpha"] == 0.5]
    assert len(middle) == 18 and middle["mean"].to_numpy() == pytest.approx(0.11)
    figure = made.drawn()
    check_page(figure)
    assert titles(figure)[0] == "$L_1$ & $L_3$: 0.12 to 0.12 apart" and len(figure.axes) == 6
    assert all(len(axes.lines) == 3 for axes in figure.axes)
    assert legends(figure) == [["keep 0.2", "keep 0.5", "keep 0.8"]]


def test_a_pair_with_the_risk_has_the_keep_probability_of_the_other(tmp_path):
    runs = {"plain": run("risk", 1.0), "noisy": run("dropout", 0.5)}
    table = between([("plain", "noisy")], 0.1)
    made = Made(tmp_path, "interpolations", [experiment(runs)], {"interpolations": [table]})
    assert set(made.points["keep_prob"]) == {0.5}
    assert (made.points["first_objective"].iloc[0], made.points["second_objective"].iloc[0]) == ("risk", "dropout")
    check_page(made.drawn())


def predicted(*errors):
    """Predictions of one seed for each normalised error; straight lines between the training points have 0.1."""
    x, target = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0])
    off = np.sqrt(target.var() * np.array([0.1, *errors]))
    frames = []
    for seed, miss in enumerate(off[1:]):
        frames.append(pd.DataFrame({"split": "train", "x": x, "target": target + off[0], "output": 0, "seed": seed}))
        frames.append(pd.DataFrame({"split": "test", "x": x, "target": target, "output": target + miss, "seed": seed}))
    return pd.concat(frames)


def test_the_grid_has_the_mean_logarithm_of_each_cell(tmp_path):
    runs, frames = {}, []
    for count, keep_prob in itertools.product((2, 6, 10, 20), (1.0, 0.9, 0.5)):
        runs[f"n{count}-{keep_prob}"] = run("dropout", keep_prob, train_examples=count)
        error = 1e-2 if keep_prob == 1 else 10.0 ** -(count / 2)
        frames.append(predicted(*((0.0, 0.0) if (count, keep_prob) == (20, 0.5) else (error, 100 * error))))
    settings = experiment(runs, "teacher", train_examples=[2, 20], title="a teacher")
    made = Made(tmp_path, "test_error_grid", [settings], {"predictions": frames}, level=6)
    cells = made.summary.fillna({"keep_prob": 0}).set_index(["train_examples", "keep_prob"])["mean"]
    assert cells[10, 0.9] == pytest.approx(-4) and cells[10, 1.0] == pytest.approx(-1) and math.isnan(cells[20, 0.5])
    assert cells[10, 0] == pytest.approx(-1)
    assert made.description["undefined"][0]["reasons"] == {"test error without a logarithm": 2}
    figure = made.drawn()
    check_page(figure)
    panel = figure.axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["2", "6", "10", "20"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["1", "0.9", "0.5", "lines"]
    _, level = panel.lines
    assert level.get_xdata() == [1, 1]
    assert panel.images[0].get_array()[1, 2] == pytest.approx(-4)
    assert "n = 2 to 20 training examples" in footer(figure)
    assert titles(figure)[0] == "fully-connected network 784-50-10 on a teacher"


@pytest.mark.parametrize("kind", ("objectives_over_keep_prob", "rate_against_penalty", "interpolations"))
def test_both_files_are_written_and_twice_the_same(kind, tmp_path):
    if kind == "objectives_over_keep_prob":
        runs, frames = over_keep_prob([5e-3], ["dropout", "risk_plus_r1"])
        inputs = {"history": frames}
    elif kind == "rate_against_penalty":
        runs, inputs = rate_and_penalty()
    else:
        runs = {"a": run("risk_plus_r1", 0.5), "b": run("risk_plus_r2", 0.5)}
        inputs = {"interpolations": [between([("a", "b")], 0.1)]}
    contents = []
    for folder in ("one", "other"):
        paths = Made(tmp_path / folder, kind, [experiment(runs)], inputs).saved()
        contents.append({name: Path(paths[name]).read_bytes() for name in OUTPUTS})
    assert contents[0] == contents[1]
    assert contents[0]["pdf"].startswith(b"%PDF") and contents[0]["png"].startswith(b"\x89PNG")


def test_minima_have_their_flatness_and_test_error_over_the_keep_probability(tmp_path):
    runs, frames = over_keep_prob([0.05], ["risk_plus_r1", "risk_plus_r2"])
    sharpness = pd.DataFrame(
        {
            "run": name,
            "seed": seed,
            "step": step,
            "trace": 10.0 * keep["keep_prob"] if step else 99.0,
            "eigenvalue": 5.0,
        }
        for name, keep in runs.items()
        for seed in SEEDS
        for step in (0, 100)
    )
    inputs = {"history": frames, "sharpness": [sharpness]}
    made = Made(tmp_path, "minima_over_keep_prob", [experiment(runs)], inputs, experiment="mnist")
    summary = made.summary.set_index(["objective", "keep_prob", "quantity"])
    assert summary.loc[("risk_plus_r1", 0.5, "trace of the Hessian"), "mean"] == pytest.approx(5)
    assert summary.loc[("risk", 1.0, "test error"), "mean"] == pytest.approx(0.21)
    assert set(made.points["step"]) == {100}
    figure = made.drawn()
    check_page(figure)
    trace, _, error = figure.axes
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log", "linear"]
    assert [[0.0, 10.0], [1.0, 10.0]] in [line.get_xydata().round(9).tolist() for line in trace.lines]
    assert [[0.0, 21.0], [1.0, 21.0]] in [line.get_xydata().round(9).tolist() for line in error.lines]
