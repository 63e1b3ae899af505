"""Statistics on noise and curvature along dropout, from tables whose answers are worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.tables import NotMeasuredError
from tests.claims.experiments import NAME, Experiment, bounds, interval, measure

SETTINGS = [(0.1, 0.9), (0.1, 0.5), (0.2, 0.9), (0.2, 0.5)]
TRIALS = (0.9, 1.0, 1.2)


def states(value, steps=(0, 1, 4)):
    """The value (a function of learning rate, keep_prob and step) times each trial's own factor, and a divisor of 2."""
    keys = ("learning_rate", "keep_prob", "seed", "trial", "step")
    rows = [(*setting, 0, trial, step) for setting in SETTINGS for trial in range(3) for step in steps]
    found = [value(rate, keep_prob, step) * TRIALS[trial] for rate, keep_prob, _, trial, step in rows]
    return pd.DataFrame(rows, columns=keys).assign(trace=found, half=2.0)[::-1]


@pytest.fixture
def tables(tmp_path):
    return lambda name, table: Experiment(tmp_path).add_experiment_table(name, table).tables


def test_a_number_at_the_weakest_setting_and_step(tables):
    table = tables("matrices", states(lambda rate, keep_prob, step: 10 * rate + keep_prob + step))
    found = measure("exact_matrices", table, NAME, column="trace", over="smallest")
    assert found.value == pytest.approx(5.5 * np.mean(TRIALS)) and found.counted == "3 trials"
    assert found.note.startswith("of 4, at learning rate 0.1, keep 0.5, step 4;")
    everywhere = measure("exact_matrices", table, NAME, column="trace", over="smallest", at="all")
    assert everywhere.value == pytest.approx(1.5 * np.mean(TRIALS)) and "of 12, " in everywhere.note
    start = measure("exact_matrices", table, NAME, column="trace", over="largest", at="start", divisor="half")
    assert start.value == pytest.approx(2.9 * np.mean(TRIALS) / 2)


def test_an_experiment_without_matrices_is_not_measured(tables):
    empty = tables("matrices", {"learning_rate": [], "keep_prob": []})
    with pytest.raises(NotMeasuredError, match="measures no matrices"):
        measure("exact_matrices", empty, NAME, column="trace", over="smallest")
    with pytest.raises(NotMeasuredError, match="descent"):
        measure("merging_order", tables("merging", {"learning_rate": [], "keep_prob": []}), NAME)


def test_diffusion_grows_from_one_training_to_the_next(tables):
    """Sigma 1/keep and (1 + step) over steps 0 to 4: eta Tr Sigma is twice as large with twice the rate."""
    table = tables("matrices", states(lambda rate, keep_prob, step: (1 + step) / keep_prob))
    rates = measure("diffusion_growth", table, NAME, varied="learning_rate")
    assert bounds(rates) == pytest.approx((2.0, 2.0, 2.0)) and rates.note.startswith("of 2, ")
    dropout = measure("diffusion_growth", table, NAME, varied="keep_prob")
    assert dropout.value == pytest.approx(0.9 / 0.5) and "learning rate 0.1, keep 0.5" in dropout.note
    # A Sigma that falls faster than the rate grows makes the diffusion smaller.
    falling = tables("matrices", states(lambda rate, keep_prob, step: rate**-2))
    assert measure("diffusion_growth", falling, NAME, varied="learning_rate").value == pytest.approx(0.5)
    other = states(lambda rate, keep_prob, step: 1.0)
    alone = other[(other["learning_rate"] < 0.15) == (other["keep_prob"] > 0.7)]
    with pytest.raises(NotMeasuredError, match="differ in keep_prob alone"):
        measure("diffusion_growth", tables("matrices", alone), NAME, varied="keep_prob")


def test_merging_order_is_the_slope_of_the_largest_gap(tables):
    """Gaps of rate^1 at keep 0.9 and rate^1.5 at keep 0.5, largest at step 2; batches about them cancel."""
    rows = [
        {"keep_prob": keep_prob, "learning_rate": rate, "step": step, "seed": 0, "batch": batch}
        | {"gap": -(rate**order) * (1.0 if step == 2 else 0.5) * (1 + 0.01 * (batch - 1)), "risk_gap": 3.0}
        for keep_prob, order in ((0.9, 1.0), (0.5, 1.5))
        for rate in (0.1, 0.2, 0.4)
        for step in (1, 2, 3)
        for batch in range(3)
    ]
    table = tables("merging", pd.DataFrame(rows))
    found = measure("merging_order", table, NAME)
    assert bounds(found) == pytest.approx((1.5, 1.5, 1.5)) and found.counted == "3 means"
    assert found.note.startswith("1.5 at keep 0.5, 1 at keep 0.9")
    assert measure("merging_order", table, NAME, column="risk_gap").value == pytest.approx(0.0)


def ends(values, column):
    """Values by method and trial at the last step of one setting each, and a start that is the other way round."""
    rows = []
    for rate, methods in values.items():
        for method, trials in methods.items():
            for trial, value in enumerate(trials):
                key = {"learning_rate": rate, "keep_prob": 0.5, "method": method, "seed": 0, "trial": trial}
                rows += [key | {"step": 9, column: value}, key | {"step": 0, column: -value}]
    return pd.DataFrame(rows)


def test_advantage_at_the_end_is_paired_and_the_smallest_speaks(tables):
    far = {"order_1": [0.9, 0.8, 0.7], "descent": [0.5, 0.4, 0.3]}
    near = {"order_1": [0.9, 0.8, 0.7], "descent": [0.89, 0.8, 0.68]}
    table = tables("trajectories", ends({0.1: far, 0.2: near}, "test_accuracy"))
    found = measure("end_advantage", table, NAME, column="test_accuracy")
    assert found.value == pytest.approx(0.01) and found.note.startswith(
        "better at 2 of 2, weakest at learning rate 0.2"
    )
    assert measure("end_advantage", table, NAME, column="test_accuracy", method="descent", than="order_1").value < 0
    losses = tables("trajectories", ends({0.1: {"order_1": [1.0, 2.0, 4.0], "descent": [2.0, 4.0, 8.0]}}, "test_loss"))
    assert bounds(measure("end_advantage", losses, NAME, column="test_loss")) == pytest.approx((2.0, 2.0, 2.0))


def test_advantage_leaves_lost_trials_out_and_needs_two(tables):
    some = {"order_1": [0.9, math.nan, 0.7, 0.7], "descent": [0.5, 0.4, 0.3, 0.4]}
    found = measure(
        "end_advantage", tables("trajectories", ends({0.1: some}, "test_accuracy")), NAME, column="test_accuracy"
    )
    assert bounds(found) == interval([0.4, 0.4, 0.3]) and found.units == 3
    none = {"order_1": [0.9, math.nan], "descent": [0.5, 0.4]}
    found = measure(
        "end_advantage", tables("trajectories", ends({0.1: none}, "test_accuracy")), NAME, column="test_accuracy"
    )
    assert math.isnan(found.value) and found.note.startswith("no setting")
    with pytest.raises(NotMeasuredError, match="order_2"):
        one = tables("trajectories", ends({0.1: some}, "test_accuracy"))
        measure("end_advantage", one, NAME, column="test_accuracy", method="order_2")


def norms(**values):
    """|theta| by method of two trials over four steps."""
    return pd.DataFrame(
        {
            "learning_rate": 0.1,
            "keep_prob": 0.5,
            "method": method,
            "seed": 0,
            "trial": trial,
            "step": step,
            "norm": norm,
        }
        for method, trials in values.items()
        for trial, path in enumerate(trials)
        for step, norm in enumerate(path)
    )


def test_moments_grow_by_the_largest_power(tables):
    """Norms 1 and 1, then 2 and 0: the sixth moment is 2^5, its sixth root 2^(5/6), the second's root 2^(1/2)."""
    table = tables("trajectories", norms(dropout=[[1, 2, 1], [1, 0, 1]], order_1=[[1, 1, 1], [1, 1, 1]]))
    found = measure("moment_growth", table, NAME)
    assert found.value == pytest.approx(2 ** (5 / 6)) and found.note.startswith("of 2, dropout at")


def test_moments_are_infinite_where_a_trial_diverges(tables):
    table = tables("trajectories", norms(dropout=[[1, 2, 1], [1, math.nan, math.nan]]))
    found = measure("moment_growth", table, NAME)
    assert found.value == found.low == math.inf and found.note.startswith("1 of 2 trials of dropout diverge")
