"""The figures of the equations of dropout, from tables whose answers are known."""

import numpy as np
import pytest

from dropscape.figures.methods import diverged_sentence, inputs_sentence
from tests.figures.made import check_page, footer, legends, titles
from tests.figures.of_equations import (
    KEEP_PROBS,
    POINTS,
    RATES,
    STEPS,
    TABLES,
    made,
    made_matrices,
    noises,
    trajectories,
    weak_errors,
)  # fmt: skip

LAST = "lr1-keep0.3"


def words(axes):
    """The texts inside a panel."""
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("kind", TABLES)
def test_every_kind_is_drawn_in_order(kind, tmp_path):
    figure = made(tmp_path, kind)
    drawn = figure.drawn()
    check_page(drawn)
    words = footer(drawn)
    assert "mnist_small, stand-in data" in words and "Scale quick, with the paper's settings." in words
    assert words.startswith("Network of 50 tanh units on MNIST; ") and "The network sees images of" in words
    assert "7 \N{MULTIPLICATION SIGN} 7 pixels" in words and "half the squared error" in words


def test_means_are_over_the_trials_that_are_left(tmp_path):
    table = trajectories()
    figure = made(tmp_path, "trajectories", table)
    own = table[(table["keep_prob"] == 0.3) & (table["method"] == "dropout")]
    summary = figure.summary.set_index(["run", "method", "step"]).sort_index().loc[LAST, "dropout"]
    for step, left in ((STEPS[3], 6), (STEPS[-1], 5)):
        losses = own[own["step"] == step]["loss"].dropna()
        assert len(losses) == left
        assert summary.loc[step, ["mean", "low", "high"]].tolist() == pytest.approx(
            [losses.mean(), losses.min(), losses.max()]
        )
        assert summary.loc[step, ["trials", "undefined"]].tolist() == [left, 6 - left]


def test_diverged_trials_are_named_and_their_values_counted(tmp_path):
    figure = made(tmp_path, "trajectories")
    first = {step: int(STEPS[step <= STEPS][0]) for step in (60, 40)}
    assert figure.description["diverged"] == [
        {"run": LAST, "method": "dropout", "trials": [2], "of": 6, "step": first[60]},
        {"run": LAST, "method": "order_1", "trials": [1, 4], "of": 6, "step": first[40]},
    ]
    lost = sum(int((step <= STEPS).sum()) for step in (60, 40, 90))
    (counted,) = figure.description["undefined"]
    assert counted["reasons"] == {"the trial had diverged": lost} and counted["points"] == 4 * 3 * 6 * len(STEPS)
    drawn = figure.drawn()
    assert f"dropout at $\\eta$ = 1, keep 0.3: trial 2, by step {first[60]}" in footer(drawn)
    methods = ["dropout", "SME of order 1", "gradient descent on $L_S$"]
    assert legends(drawn) == [[*methods, "a trial diverges"]]
    calm = made(tmp_path, "trajectories", trajectories(lost={})).drawn()
    assert "No trial diverges." in footer(calm) and legends(calm) == [methods]


def test_a_method_whose_trials_all_diverge_is_still_named(tmp_path):
    table = trajectories(lost={("dropout", trial): 30 for trial in range(6)})
    drawn = made(tmp_path, "trajectories", table, {LAST: POINTS[LAST]}).drawn()
    check_page(drawn)
    assert "all 6 trials, by step" in footer(drawn)
    panel, _ = drawn.axes
    crosses = [line for line in panel.lines if line.get_marker() == "x"]
    assert [int(line.get_xdata()[0]) for line in crosses] == [int(STEPS[STEPS < 30][-1])]


def test_differences_are_trial_by_trial_from_the_same_start(tmp_path):
    table = trajectories(("dropout", "dropout_again", "order_1"))
    figure = made(tmp_path, "trajectories", table, {LAST: POINTS[LAST]})
    wide = table[table["keep_prob"] == 0.3].pivot_table(
        index=["step", "trial"], columns="method", values="loss", dropna=False
    )
    found = figure.summary[figure.summary["quantity"] == "loss minus dropout's"].set_index(["method", "step"])
    assert set(found.index.get_level_values("method")) == {"dropout_again", "order_1"}
    for step in (STEPS[2], STEPS[-1]):  # trials 1, 2 and 4 diverge with one method or the other
        apart = (wide["order_1"] - wide["dropout"])[step][[0, 3, 5]]
        row = found.loc["order_1", step]
        margin = 2 * apart.std() / len(apart) ** 0.5
        assert row[["mean", "low", "high"]].tolist() == pytest.approx(
            [apart.mean(), apart.mean() - margin, apart.mean() + margin], abs=1e-12
        )
        assert row[["trials", "undefined"]].tolist() == [len(apart), 6 - len(apart)]


def test_an_estimated_equation_says_from_what(tmp_path):
    estimated = {"batch_size": 100, "samples": 8, "many_samples": 64}
    words = footer(made(tmp_path, "trajectories", estimated=estimated).drawn())
    assert "A step of dropout takes 100 examples, drawn anew." in words
    assert "estimated from M = 8 gradients of dropout (many samples: 64); 1/M of its noise is dropout's own." in words
    exact = made(tmp_path, "trajectories", estimated=dict.fromkeys(estimated)).drawn()
    assert "estimated" not in footer(exact)


def test_only_the_points_of_the_figure(tmp_path):
    chosen = {name: POINTS[name] for name in ("lr0.1-keep0.9", "lr0.005-keep0.9")}
    figure = made(tmp_path, "trajectories", runs=chosen)
    assert list(dict.fromkeys(figure.points["run"])) == list(chosen)[::-1]  # small learning rates first
    assert set(figure.points["method"]) == {"dropout", "order_1", "descent"}
    assert titles(figure.drawn()) == [r"$\eta$ = 0.005, keep 0.9", r"$\eta$ = 0.1, keep 0.9", "", ""]


def test_losses_that_span_little_have_a_linear_axis(tmp_path):
    slow, _, _, fast, *_ = made(tmp_path, "trajectories").drawn().axes
    assert (slow.get_yscale(), fast.get_yscale()) == ("linear", "log")
    assert fast.get_ylim()[1] < 50  # the diverging losses are far above


def test_test_trajectories_have_descent_and_accuracies_in_percent(tmp_path):
    figure = made(tmp_path, "test_trajectories", runs={LAST: POINTS[LAST]})
    left, right = figure.drawn().axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("test loss", "test accuracy [%]")
    assert right.get_ylim()[1] > 80
    assert "gradient descent on $L_S$" in legends(right.figure)[0]
    kept = figure.points[(figure.points["trial"] == 0) & (figure.points["step"] == 0)]
    values = kept.set_index(["method", "quantity"])["value"]
    table = trajectories()
    start = table[(table["keep_prob"] == 0.3) & (table["trial"] == 0) & (table["step"] == 0)].set_index("method")
    for method in ("dropout", "order_1", "descent"):
        assert values[method, "test loss"] == pytest.approx(start["test_loss"][method])
        assert values[method, "test accuracy"] == pytest.approx(start["test_accuracy"][method])


def test_an_accuracy_that_was_not_measured_is_no_divergence(tmp_path):
    table = trajectories(lost={}).assign(test_accuracy=np.nan)
    figure = made(tmp_path, "test_trajectories", table, {LAST: POINTS[LAST]})
    assert figure.description["undefined"][0]["reasons"] == {"not a finite number": 3 * 6 * len(STEPS)}
    assert figure.description["diverged"] == []


def test_sentences_of_diverged_trials():
    entry = {"run": LAST, "method": "descent", "trials": [0], "of": 1, "step": 12}
    summary = made_summary()
    assert diverged_sentence([entry], summary).endswith("keep 0.3: all 1 trials, by step 12.")
    two = diverged_sentence([entry | {"of": 3}, entry | {"trials": [0, 2], "of": 3}], summary)
    assert ": trial 0, by step 12; gradient" in two and two.endswith(": trials 0, 2, by step 12.")


def made_summary():
    return trajectories().assign(run=LAST)[lambda rows: rows["keep_prob"] == 0.3]


def test_weak_errors_have_their_slopes(tmp_path):
    figure = made(tmp_path, "weak_errors", weak_errors(1e-9))
    slopes = figure.summary.set_index(["panel", "curve"])
    for method, slope in (("order_1", 1), ("order_2", 2)):
        assert slopes.loc[method, "slope"].tolist() == pytest.approx([slope] * len(KEEP_PROBS))
    assert len(slopes) == 2 * len(KEEP_PROBS)
    assert (slopes["hidden"] == 0).all() and slopes["slope_low"].lt(slopes["slope_high"]).all()
    ends = slopes.loc[("order_1", 0.5)]
    assert [ends["x_low"], ends["x_high"]] == [min(RATES), max(RATES)]
    assert [ends["y_low"], ends["y_high"]] == pytest.approx([0.5 * min(RATES), 0.5 * max(RATES)])
    drawn = figure.drawn()
    assert titles(drawn) == ["SME of order 1", "SME of order 2"]
    assert legends(drawn)[0] == ["keep 0.5", "keep 0.7", "keep 0.9", "slopes of orders 1 and 2", "noise floor"]
    assert words(drawn.axes[0])[0].startswith("1.00 [") and "4,000 pairs of trials" in footer(drawn)


def test_test_functions_have_a_panel_each_and_methods_a_curve(tmp_path):
    table = weak_errors(1e-9)
    figure = made(tmp_path, "weak_errors", table, compare="test_functions", keep_prob=0.7)
    drawn = figure.drawn()
    check_page(drawn)
    assert len(titles(drawn)) == 2 and titles(drawn)[1] == "$R_S$"
    assert set(figure.summary["curve"]) == {"order_1", "order_2", "drift_1", "drift_2", "descent"}
    own = figure.points[(figure.points["panel"] == "risk") & (figure.points["curve"] == "order_2")]
    assert own["norm"].to_numpy() == pytest.approx(0.3 * np.sort(RATES) ** 2)
    assert len(words(drawn.axes[0])) == 5 and "order 2 without noise" in legends(drawn)[0]


def test_means_of_a_few_trials_have_the_mean_of_their_slopes(tmp_path):
    figure = made(tmp_path, "weak_errors", compare="few_trials")
    fitted = figure.summary.set_index(["panel", "curve"]).loc[("dropout", 0.5)]
    assert [fitted["slope"], fitted["slope_high"] - 0.5] == pytest.approx([0.5, 4.302653 * 0.1 / 3**0.5])
    first = figure.points.set_index(["panel", "curve", "learning_rate"]).loc[("dropout", 0.5, 0.1)]
    assert [first["norm"], first["low"], first["high"]] == pytest.approx([0.5 * 0.1**s for s in (0.5, 0.6, 0.4)])
    drawn = figure.drawn()
    check_page(drawn)
    assert titles(drawn) == ["SME of order 1", "SME of order 2", "dropout with other masks"]
    assert "noise floor" not in legends(drawn)[0] and "3 times" in footer(drawn)


def test_a_keep_prob_is_of_test_functions_only(tmp_path):
    with pytest.raises(ValueError, match="keep_prob belongs to compare: test_functions"):
        made(tmp_path, "weak_errors", keep_prob=0.7)


def test_norms_that_the_noise_hides_are_limits_and_in_no_fit(tmp_path):
    error = 1e-4
    figure = made(tmp_path, "weak_errors", weak_errors(error))
    points = figure.points.set_index(["panel", "curve", "learning_rate"])
    seen, hidden = points.loc[("order_1", 0.5, 0.2)], points.loc[("order_1", 0.9, 0.1)]  # norms 0.1 and 0.01
    assert [seen["norm"], seen["low"], seen["high"]] == pytest.approx(
        [0.1, (0.01 - error) ** 0.5, (0.01 + error) ** 0.5]
    )
    assert np.isnan(seen["limit"]) and np.isnan(hidden["norm"]) and np.isnan(hidden["low"])
    assert hidden["limit"] == pytest.approx((1e-4 + 2 * error) ** 0.5)
    assert points["floor"].to_numpy() == pytest.approx((2 * error) ** 0.5)
    # Seen or hidden is above or below the floor.
    assert (points["norm"].dropna() > points["floor"].iloc[0]).all()
    assert figure.description["undefined"][0]["reasons"] == {
        "within 2 standard errors of 0": int(points["limit"].count())
    }
    fits = figure.summary.set_index(["panel", "curve"])
    assert fits.loc[("order_1", 0.9), ["points", "hidden"]].tolist() == [2, 2] and np.isnan(
        fits.loc[("order_1", 0.9), "slope"]
    )
    drawn = figure.drawn()
    check_page(drawn)
    assert "no slope, 2 of 4 above the noise" in words(drawn.axes[0])


def test_an_estimate_below_zero_is_a_limit_too(tmp_path):
    table = weak_errors(1e-4)
    lowest = table[(table["function"] == "mean") & (table["method"] == "order_2")]["squared"].idxmin()
    same = (
        table[["method", "keep_prob", "learning_rate"]] == table.loc[lowest, ["method", "keep_prob", "learning_rate"]]
    )
    table.loc[same.all(axis=1), ["squared", "norm", "norm_error"]] = [-5e-5, np.nan, np.nan]
    points = made(tmp_path, "weak_errors", table).points
    assert points["limit"].min() == pytest.approx((2 * 1e-4) ** 0.5)


def test_noises_are_compared_by_geometric_means(tmp_path):
    figure = made(tmp_path, "noises")
    summary = figure.summary.set_index(["quantity", "method", "step"]).sort_index()
    traces = noises().groupby(["method", "step"])["trace"]
    for (method, step), values in traces:
        row = summary.loc["trace of the Hessian", method, step]
        assert row["mean"] == pytest.approx(np.exp(np.log(values.dropna()).mean()))
        assert [row["low"], row["high"]] == pytest.approx([values.min(), values.max()])
    assert summary.loc[("test accuracy", "sgd", 4), ["mean", "trials", "undefined"]].tolist() == pytest.approx(
        [0.88, 4, 1]
    )
    assert figure.description["undefined"][0]["reasons"] == {"the trial had diverged": 3 * 4}
    drawn = figure.drawn()
    equal, *_ = drawn.axes
    assert [panel.get_yscale() for panel in drawn.axes] == ["log", "log", "log", "linear"]
    first, *_ = equal.lines  # descent: the trace over the loss, which falls to the right
    assert first.get_xdata().tolist() == pytest.approx((0.1 / 2.0 ** np.arange(5)).tolist()) and equal.xaxis_inverted()
    assert first.get_ydata()[-1] == pytest.approx(summary.loc["trace of the Hessian", "descent", 4]["mean"])
    assert "dropout" in legends(drawn)[0] and "its mean loss $L_S$" in legends(drawn)[0]


def test_a_trace_below_zero_has_no_place_and_is_counted(tmp_path):
    table = noises()
    table.loc[(table["method"] == "sgd") & (table["trial"] == 0) & (table["step"] == 4), "trace"] = -1.0
    figure = made(tmp_path, "noises", table)
    assert figure.description["undefined"][0]["reasons"]["trace of the Hessian not positive"] == 1
    row = figure.summary.set_index(["quantity", "method", "step"]).loc["trace of the Hessian", "sgd", 4]
    assert row["low"] == pytest.approx(2.2) and row["trials"] == 3


def test_a_network_outside_the_theory_is_said_to_be():
    description = {"model": "50 relu units", "side": 7, "loss": "mse", "estimated": None}
    assert "The theory does not cover it" in inputs_sentence(description)
    assert "theory" not in inputs_sentence(description | {"model": "50 tanh units"})


def test_exact_matrices_have_their_numbers_over_time(tmp_path):
    figure = made_matrices(tmp_path)
    summary = figure.summary.set_index("quantity")
    assert summary.loc["hessian_cosine", "mean"].tolist() == pytest.approx([0.9] * 16)
    assert summary.loc["diffusion", ["mean", "low", "high"]].to_numpy() == pytest.approx(np.tile([2.5, 1, 4], (16, 1)))
    last = summary.loc["norm"][lambda rows: (rows["learning_rate"] == 1) & (rows["time"] == 400)]
    assert last["mean"].tolist() == pytest.approx([3 - 0.05 * np.mean(1 + 0.1 * np.sin(np.arange(6) + 1.0))])
    gaps = summary.loc["gap"]
    np.testing.assert_allclose(gaps["mean"], gaps["learning_rate"] / 2)
    assert summary.loc["risk_gap", "mean"].tolist() == pytest.approx([1.0] * 8)
    drawn = figure.drawn()
    check_page(drawn)
    assert len(drawn.axes) == 6 and "turned at random" in footer(drawn)
