"""Statistics on the errors of the equations' expected ends from tables whose answers are worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.tables import NotMeasuredError
from tests.claims.experiments import NAME, Experiment, measure

RATES = np.array([0.4, 0.2, 0.1])
BOTH = 2.241403  # standard errors of a bound that holds for two normal estimates at once (Bonferroni)


def errors(norms, relative=0.01, method="order_1", function="mean"):
    """Rows of norms (one a learning rate) by keep_prob, known up to a share of themselves; half a step before."""
    rows = []
    for keep_prob, values in norms.items():
        squared = np.asarray(values, dtype=float) ** 2
        own = {"trials": 400, "learning_rate": RATES, "function": function, "method": method, "keep_prob": keep_prob}
        for step, share in ((1, 0.25), (2, 1.0)):
            found = {"squared": share * squared, "squared_error": 2 * relative * squared}
            rows.append(pd.DataFrame({"step": step} | own | found))
    return pd.concat(rows)[::-1]


@pytest.fixture
def tables(tmp_path):
    return lambda *parts: Experiment(tmp_path).add_experiment_table("weak_errors", pd.concat(parts)).tables


def test_the_smallest_slope_speaks(tables):
    norms = {0.5: 3 * RATES, 0.9: RATES**1.2}
    table = tables(errors(norms), errors({0.5: RATES**2}, method="order_2"))
    found = measure("convergence_slope", table, NAME, method="order_1")
    assert found.value == pytest.approx(1.0) and (found.counted, found.points) == ("400 trials", 3)
    # On a line, so that the bounds are those of the norms: 1 % of each, at log rates -ln 2, 0, ln 2 from the middle.
    # The upper one must hold for both keep probabilities at once.
    error = 0.01 / (math.sqrt(2) * math.log(2))
    assert (found.low, found.high) == pytest.approx((1.0 - 1.959964 * error, 1.0 + BOTH * error))
    assert found.note == "1.00 (keep 0.5), 1.20 (keep 0.9)"
    assert measure("convergence_slope", table, NAME, method="order_2").value == pytest.approx(2)


def test_the_slope_is_that_of_the_worst_test_function(tables):
    table = tables(errors({0.5: RATES}), errors({0.5: RATES**0.7}, function="risk"))
    found = measure("convergence_slope", table, NAME, method="order_1", functions=["mean", "risk"])
    assert found.value == pytest.approx(0.7) and found.note == "1.00 (mean at keep 0.5), 0.70 (risk at keep 0.5)"
    assert measure("convergence_slope", table, NAME, method="order_1").value == pytest.approx(1.0)


def test_a_test_function_that_the_noise_hides_is_left_out_and_said(tables):
    table = tables(errors({0.5: RATES}), errors({0.5: RATES**0.1}, relative=1.0, function="risk"))
    found = measure("convergence_slope", table, NAME, method="order_1", functions=["mean", "risk"])
    assert found.value == pytest.approx(1.0) and found.note.endswith("no slope: risk at keep 0.5")


def test_points_off_a_line_widen_the_bounds(tables):
    found = measure("convergence_slope", tables(errors({0.5: RATES * [1.0, 1.1, 1.0]}, 1e-6)), NAME, method="order_1")
    assert found.value == pytest.approx(1.0) and found.high - found.low > 0.1


def test_where_the_noise_hides_the_order_nothing_is_judged_and_the_note_says_why(tables):
    hidden = measure("convergence_slope", tables(errors({0.5: RATES}, relative=0.6)), NAME, method="order_1")
    assert math.isnan(hidden.value) and hidden.units == 0
    assert hidden.note == "the noise floor hides 3 of 3 errors: not above their sampling error"
    both = measure(
        "convergence_slope", tables(errors({0.5: RATES}), errors({0.9: RATES}, relative=0.6)), NAME, method="order_1"
    )
    assert math.isnan(both.value) and both.units == 0
    assert both.note == (
        "1.00 (keep 0.5); the noise floor hides 3 of 6 errors: not above their sampling error; no slope: keep 0.9"
    )


def test_two_rates_have_no_slope(tables):
    table = errors({0.5: RATES})
    found = measure("convergence_slope", tables(table[table["learning_rate"] < 0.3]), NAME, method="order_1")
    assert math.isnan(found.value) and found.note == "fewer than three learning rates"


def test_errors_at_neighbouring_keep_probs(tables):
    """Half as large from 0.3 to 0.5, four fifths (the mean of 1, 0.8 and 0.64) from 0.5 to 0.9: the latter speaks."""
    table = tables(errors({0.3: 2 * RATES, 0.5: RATES, 0.9: RATES * [1.0, 0.8, 0.64]}))
    found = measure("keep_prob_error_ratio", table, NAME, method="order_1")
    assert found.value == pytest.approx(0.8)
    error = 0.01 * math.sqrt(6) / 3
    assert (found.low, found.high) == pytest.approx((0.8 * math.exp(-BOTH * error), 0.8 * math.exp(1.959964 * error)))
    assert found.note == "0.5 (keep 0.5 over 0.3), 0.8 (keep 0.9 over 0.5)"
    alone = measure("keep_prob_error_ratio", tables(errors({0.5: RATES})), NAME, method="order_1")
    assert math.isnan(alone.value) and alone.note == "one keep probability only"


def test_a_hidden_error_counts_with_its_upper_bound_and_nothing_is_compared_with_one(tables):
    """What is hidden may be 0: as the smaller of two it stands at its bound, as the larger it says nothing."""
    nearer = pd.concat([errors({0.5: 10 * RATES}), errors({0.9: RATES}, relative=1.0)])
    bound = math.sqrt(1 + 2 * 1.959964) / 10
    found = measure("keep_prob_error_ratio", tables(nearer), NAME, method="order_1")
    assert found.value == pytest.approx(bound)
    farther = pd.concat([errors({0.5: RATES}, relative=1.0), errors({0.9: 10 * RATES})])
    lost = measure("keep_prob_error_ratio", tables(farther), NAME, method="order_1")
    assert math.isnan(lost.value) and lost.note.endswith("others are compared with: keep 0.9 over 0.5")
    table = tables(errors({0.5: RATES}, relative=1.0), errors({0.5: 10 * RATES}, method="descent"))
    assert measure("weak_error_ratio", table, NAME, method="order_1", over="descent").value == pytest.approx(bound)
    turned = measure("weak_error_ratio", table, NAME, method="descent", over="order_1")
    assert math.isnan(turned.value) and turned.note.endswith("others are compared with: keep 0.5")


@pytest.mark.parametrize("statistic", ["convergence_slope", "keep_prob_error_ratio"])
def test_an_order_that_was_not_simulated_is_not_measured(statistic, tables):
    with pytest.raises(NotMeasuredError, match="experiment has no errors of order_2"):
        measure(statistic, tables(errors({0.5: RATES})), NAME, method="order_2")


def test_which_of_two_methods_is_nearer(tables):
    """Half as far in the geometric mean at keep 0.5, as far at 0.9, which speaks."""
    table = tables(
        errors({0.5: RATES * [0.5, 0.25, 1.0], 0.9: RATES}), errors({0.5: RATES, 0.9: RATES}, method="descent")
    )
    found = measure("weak_error_ratio", table, NAME, method="order_1", over="descent")
    error = 0.01 * math.sqrt(6) / 3
    assert (found.value, found.low) == pytest.approx((1.0, math.exp(-BOTH * error)))
    assert found.note == "0.5 (keep 0.5), 1 (keep 0.9)"
    assert measure("weak_error_ratio", table, NAME, method="descent", over="order_1").value == pytest.approx(2)


def test_an_uncertain_curve_is_in_the_bounds_of_the_extreme(tables):
    """A slope that is a little larger but may be much smaller decides the lower bound of the smallest."""
    table = tables(errors({0.5: RATES**1.75}), errors({0.9: RATES**1.8}, relative=0.2))
    found = measure("convergence_slope", table, NAME, method="order_1")
    alone = measure("convergence_slope", tables(errors({0.9: RATES**1.8}, relative=0.2)), NAME, method="order_1")
    assert found.value == pytest.approx(1.75) and found.low == pytest.approx(alone.low) and alone.low < 1.6


def few(slopes, method="order_1"):
    """Norms of each repetition along its own slope."""
    rows = [
        {"method": method, "keep_prob": 0.5, "learning_rate": rate, "repetition": number, "norm": rate**slope}
        for number, slope in enumerate(slopes)
        for rate in RATES
    ]
    return pd.DataFrame(rows)


def test_the_slope_of_means_of_a_few_trials(tmp_path):
    rows = pd.concat([few([0.4, 0.6, 0.5]), few([0.5, 0.5, 0.5], "dropout")])
    tables = Experiment(tmp_path).add_experiment_table("few_trials", rows).tables
    found = measure("few_trials_slope", tables, NAME, method="order_1", order=1)
    assert found.value == pytest.approx(0.5) and found.counted == "3 repetitions"
    margin = 4.302653 * 0.1 / math.sqrt(3)  # Student's
    assert (found.low, found.high) == pytest.approx((0.5 - margin, 0.5 + margin), rel=1e-5)
    assert found.note == "single ones: 0.40 to 0.60 at keep 0.5"
    with pytest.raises(NotMeasuredError, match="no means of a few trials of order_2"):
        measure("few_trials_slope", tables, NAME, method="order_2", order=2)


def test_the_keep_probability_farthest_from_the_order_speaks(tmp_path):
    rows = pd.concat([few([1.0, 1.1, 0.9]), few([2.0, 2.1, 1.9]).assign(keep_prob=0.9)])
    tables = Experiment(tmp_path).add_experiment_table("few_trials", rows).tables
    assert measure("few_trials_slope", tables, NAME, method="order_1", order=1).value == pytest.approx(2.0)
    assert measure("few_trials_slope", tables, NAME, method="order_1", order=2).value == pytest.approx(1.0)
