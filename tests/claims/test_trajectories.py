"""Statistics on trajectories from tables whose answers are worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.tables import NotMeasuredError
from dropscape.claims.statistic import statistic_named
from tests.claims.experiments import NAME, Experiment, measure

STEPS = np.array([0, 1, 2, 4, 8, 16])
SPREAD = np.array([-1.0, 0.0, 1.0])  # of three trials: mean 0
PAIR = ["dropout", "order_1"]


def curves(values, learning_rate=0.1, keep_prob=0.9, spread=SPREAD, column="loss"):
    """Rows of methods whose mean is ``values[method]`` (a number or one a step), the trials ``spread`` about it.

    Dropout with other masks is 2 above dropout in every trial.
    """
    rows = []
    values = values | ({"dropout_again": values["dropout"] + 2} if "dropout" in values else {})
    for method, mean in values.items():
        for trial, offset in enumerate(spread):
            own = {"loss": math.nan, "test_loss": math.nan, "test_accuracy": math.nan} | {column: mean + offset}
            own["loss"] = own[column]
            keys = {"learning_rate": learning_rate, "keep_prob": keep_prob, "method": method, "seed": trial // 2}
            rows.append(pd.DataFrame(keys | {"trial": trial, "step": STEPS} | own))
    return pd.concat(rows)[::-1]


@pytest.fixture
def tables(tmp_path):
    return lambda *parts: Experiment(tmp_path).add_experiment_table("trajectories", pd.concat(parts)).tables


def test_distance_is_that_of_the_means_over_that_of_two_dropout_trainings(tables):
    found = measure("trajectory_distance", tables(curves({"dropout": 5.0, "order_1": 5.5})), NAME, methods=PAIR)
    assert found.value == pytest.approx(0.5 / 2) and found.counted == "3 trials"
    assert found.low <= found.value <= found.high
    assert found.note == "dropout, order_1 at learning rate 0.1, keep 0.9"
    # Noise that cancels in the mean of the trials takes no part.
    noisy = curves({"order_1": 5.5}, spread=3 * SPREAD)
    found = measure("trajectory_distance", tables(curves({"dropout": 5.0}), noisy), NAME, methods=PAIR)
    assert found.value == pytest.approx(0.5 / 2)


def test_a_trial_is_left_out_of_all_methods_at_once(tables):
    """Trials that share their start differ by the same: whichever is left out, so do the means."""
    found = measure("trajectory_distance", tables(curves({"dropout": 5.0, "order_1": 5.5})), NAME, methods=PAIR)
    assert (found.low, found.high) == pytest.approx((0.25, 0.25))
    other = curves({"order_1": 5.5}, spread=SPREAD[::-1])
    apart = measure("trajectory_distance", tables(curves({"dropout": 5.0}), other), NAME, methods=PAIR)
    assert apart.value == pytest.approx(0.25) and apart.low < 0.24 < 0.26 < apart.high


def test_recorded_steps_count_by_the_training_that_they_stand_for(tables):
    """A distance that is 1 in the last recorded step only, which stands for half of the last gap of 8 in 16 steps."""
    last = np.where(STEPS == 16, 1.0, 0.0)
    found = measure("trajectory_distance", tables(curves({"dropout": 5.0, "order_1": 5.0 + last})), NAME, methods=PAIR)
    assert found.value == pytest.approx(4 / 16 / 2)
    # Trapezoids are exact for a straight line, however the steps lie: its mean is that of the ends.
    line = measure(
        "trajectory_distance", tables(curves({"dropout": 5.0, "order_1": 5.0 + STEPS / 16})), NAME, methods=PAIR
    )
    assert line.value == pytest.approx(0.5 / 2)


def test_the_weakest_setting_and_pair_speak(tables):
    near = curves({"dropout": 5.0, "order_1": 5.1, "descent": 5.0})
    far = curves({"dropout": 5.0, "order_1": 5.2, "descent": 4.6}, 0.5, 0.3)
    every = [*PAIR, "descent"]
    found = measure("trajectory_distance", tables(near, far), NAME, methods=every)
    assert found.value == pytest.approx(0.6 / 2)
    assert found.note == "of 6, order_1, descent at learning rate 0.5, keep 0.3"
    chosen = measure("trajectory_distance", tables(near, far), NAME, methods=every, learning_rate=0.1, keep_prob=0.9)
    assert chosen.value == pytest.approx(0.1 / 2) and chosen.note.startswith("of 3, ")


def test_each_setting_has_a_row_and_a_control_of_its_own(tables):
    table = tables(curves({"dropout": 5.0, "order_1": 5.1}), curves({"dropout": 5.0, "order_1": 5.2}, 0.5, 0.3))
    statistic = statistic_named({"name": "trajectory_distance", "methods": PAIR})
    rows = {run: found.value for run, main, found in statistic.by_run(table, NAME) if main}
    assert rows == pytest.approx({"keep0.9-lr0.1": 0.05, "keep0.3-lr0.5": 0.1})
    one = statistic.model_copy(update={"learning_rate": 0.5})
    assert [(run, found.value) for run, _, found in one.by_run(table, NAME)] == [("", pytest.approx(0.1))]
    several = one.model_copy(update={"other_experiments": ["another"]}).by_run(table, NAME)
    assert [run for run, *_ in several] == [NAME, "another"]
    assert [found.units for *_, found in several] == [3, 0] and "has no table" in several[1][2].note


def replicates(*spreads, **more):
    """Dropout and dropout with other masks about 5, and another method about 9, each with its spread."""
    methods = ("dropout", "dropout_again", "order_1")
    parts = [
        curves({"any": mean}, spread=np.asarray(spread), **more).assign(method=method)
        for method, mean, spread in zip(methods, (5.0, 5.0, 9.0), spreads, strict=True)
    ]
    return pd.concat(parts)


def test_spread_is_that_of_differences_about_their_mean(tables):
    """Dropout trainings differ by 2, 0 and -2; a method without noise by 1, 0 and -1 from either, wherever it is."""
    found = measure("trajectory_spread", tables(replicates(SPREAD, -SPREAD, 0 * SPREAD)), NAME, method="order_1")
    assert found.value == pytest.approx(0.5) and found.units == 3
    # By 2, 0 and -2 from one of them and by 4, 0 and -4 from the other.
    found = measure("trajectory_spread", tables(replicates(SPREAD, -SPREAD, 3 * SPREAD)), NAME, method="order_1")
    assert found.value == pytest.approx((2 + 4) / 2 / 2)
    same = tables(replicates(SPREAD, SPREAD, SPREAD))
    assert math.isnan(measure("trajectory_spread", same, NAME, method="order_1").value)


def test_the_spread_of_what_has_dropouts_distribution_is_1_and_that_of_its_mean_is_not(tables):
    random = np.random.default_rng(0)
    noises = random.normal(size=(3, 300))
    for method, expected in ((noises[2], 1), (0 * noises[2], 2**-0.5)):
        found = measure("trajectory_spread", tables(replicates(*noises[:2], method)), NAME, method="order_1")
        assert found.low < expected < found.high and found.high - found.low < 0.3


def test_a_distance_over_another(tables):
    values = {"dropout": 5.0, "order_1": 5.2, "descent": 3.0}
    found = measure("distance_factor", tables(curves(values)), NAME, far="descent", near="order_1")
    assert (found.value, found.low, found.high) == pytest.approx((10, 10, 10))
    assert found.note == "descent, order_1, dropout at learning rate 0.1, keep 0.9"
    back = measure("distance_factor", tables(curves(values)), NAME, far="order_1", near="descent", reference="dropout")
    assert back.value == pytest.approx(0.1)


def test_share_below_every_trial_of_the_others(tables):
    """Below both bands from step 8 on, which stands for the training from 6 on; below one of them from 2 on."""
    values = {
        "descent": 0.5 - np.where(STEPS >= 8, 0.3, np.where(STEPS >= 2, 0.15, 0.0)),
        "dropout": 0.5 + 0 * STEPS,
        "order_1": 0.4 + 0 * STEPS,
    }
    table = tables(curves(values, spread=SPREAD / 10, column="test_accuracy"))
    found = measure(
        "share_below", table, NAME, method="descent", others=["dropout", "order_1"], learning_rate=0.1, keep_prob=0.9
    )
    assert found.value == pytest.approx(10 / 16)
    # 0.5, and less 0.15 in the 4.5 steps from 1.5 to 6 (trapezoids), less 0.3 in the 10 after them.
    mean = 0.5 - (0.15 * 4.5 + 0.3 * 10) / 16
    assert found.note.endswith(f"mean along training {mean:.3g} of descent, 0.5 of dropout, 0.4 of order_1")
    one = measure("share_below", table, NAME, method="descent", others=["dropout"], learning_rate=0.1, keep_prob=0.9)
    assert one.value == pytest.approx(14.5 / 16)


def lost(table, method, trials, step):
    """The table with NaN in the method's trials from the step on."""
    gone = (table["method"] == method) & table["trial"].isin(trials) & (table["step"] >= step)
    table = table.reset_index(drop=True)
    table.loc[gone.to_numpy(), ["loss", "test_loss", "test_accuracy"]] = math.nan
    return table


def test_diverged_trials_are_left_out_and_named(tables):
    """The one trial that is far from dropout's, and whose loss grows before it is lost."""
    apart = curves({"order_1": 5.4}, spread=[-1.0, 0.0, 1e30])
    table = lost(pd.concat([curves({"dropout": 5.0}), apart]), "dropout", [2], 8)
    found = measure("trajectory_distance", tables(table), NAME, methods=PAIR)
    assert found.value == pytest.approx(0.4 / 2) and found.units == 2
    assert found.note.endswith("keep 0.9; 1 of 3 trials of dropout diverge at learning rate 0.1, keep 0.9")


def test_a_setting_where_most_trials_diverge_says_nothing(tables):
    most = lost(curves({"dropout": 5.0, "order_1": 9.0}, 1.0, 0.3), "order_1", [0, 2], 8)
    found = measure("trajectory_distance", tables(most), NAME, methods=PAIR)
    assert math.isnan(found.value) and found.units == 0
    assert found.note == "2 of 3 trials of order_1 diverge at learning rate 1, keep 0.3"
    both = measure("trajectory_distance", tables(most, curves({"dropout": 5.0, "order_1": 5.1})), NAME, methods=PAIR)
    assert both.value == pytest.approx(0.05) and "2 of 3 trials of order_1 diverge" in both.note


def test_one_trial_has_no_interval(tables):
    table = tables(curves({"dropout": 5.0, "order_1": 6.0, "descent": 3.0}, spread=[0.0]))
    found = measure("distance_factor", table, NAME, far="descent", near="order_1")
    assert found.value == pytest.approx(2) and math.isnan(found.low)
    assert found.counted == "1 trial"
    alone = measure("trajectory_distance", table, NAME, methods=PAIR)
    assert alone.value == pytest.approx(0.5) and math.isnan(alone.high)


def test_what_was_not_simulated_is_not_measured(tables):
    table = tables(curves({"dropout": 5.0, "order_1": 5.0}))
    with pytest.raises(NotMeasuredError, match="no trajectories of dropout and descent and dropout_again to compare"):
        measure("trajectory_distance", table, NAME, methods=["dropout", "descent"])
    with pytest.raises(NotMeasuredError, match="at learning rate 1, keep 0"):
        measure("trajectory_distance", table, NAME, methods=PAIR, learning_rate=1.0, keep_prob=0.3)
    with pytest.raises(NotMeasuredError, match="has no table 'trajectories'"):
        measure("trajectory_distance", table, "another", methods=PAIR)
    unmeasured = measure("trajectory_distance", table, NAME, methods=PAIR, column="test_accuracy")
    assert math.isnan(unmeasured.value)


def test_share_of_diverged_trials(tmp_path):
    keys = {"learning_rate": [0.1, 1.0, 1.0], "keep_prob": [0.9, 0.3, 0.3], "method": ["dropout", "dropout", "order_1"]}
    counts = {"trials": 10, "diverged": [0, 3, 2], "first_step": [math.nan, 7.0, 5.0]}
    table = Experiment(tmp_path).add_experiment_table("divergences", keys | counts).tables
    found = measure("diverged_share", table, NAME, learning_rate=1.0, keep_prob=0.3)
    assert (found.value, found.counted) == (
        0.25,
        "20 trials",
    ) and found.note == "5 of 20 trials, the first one after 5 steps"
    # Clopper and Pearson's bounds for 5 of 20, from tables.
    assert (found.low, found.high) == pytest.approx((0.0866, 0.4910), abs=1e-4)
    calm = measure("diverged_share", table, NAME, learning_rate=0.1, keep_prob=0.9)
    assert (calm.value, calm.low, calm.note) == (0, 0, "0 of 10 trials")
    assert calm.high == pytest.approx(1 - 0.025 ** (1 / 10))
    with pytest.raises(NotMeasuredError, match="has no trials at learning rate 2, keep 0"):
        measure("diverged_share", table, NAME, learning_rate=2.0, keep_prob=0.3)
