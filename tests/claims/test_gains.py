"""What dropout adds: accuracies, widths of slices and losses at the end of two trainings."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tables import NotMeasuredError
from dropscape.claims.statistic import Run, Tables
from tests.claims.experiments import NAME, Experiment, bounds, history, interval, measure


def predictions(correct):
    """Which of the test examples each seed predicts right."""
    return pd.DataFrame(
        {"seed": seed, "example": example, "correct": right}
        for seed, rights in enumerate(correct)
        for example, right in enumerate(rights)
    )


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path)


def test_a_gain_of_accuracy_comes_with_mcnemars_test_of_each_seed(experiment):
    """Of the first seed ten images are told apart, nine for dropout: p = 2 (1 + 10) / 2^10."""
    gained, lost, same = [1] * 9 + [0], [0] * 9 + [1], [1] * 10
    experiment.add("dropout", history=history(test_accuracy=(0.9, 1.0)), predictions=predictions([gained, same]))
    experiment.add(
        "plain", keep_prob=1, history=history(test_accuracy=(0.1, 1.0)), predictions=predictions([lost, same])
    )
    tables = experiment.tables
    found = measure("accuracy_gain", tables, tables.named_run(NAME, "dropout"))
    assert bounds(found) == interval([80, 0])
    assert found.note.endswith("by seed: 9 against 1 (p = 0.021), 0 against 0 (p = 1)")


def test_the_end_loss_is_less_the_entropy_that_no_network_goes_below(experiment):
    widths = pd.DataFrame({"seed": [0, 0, 1, 1], "loss0": [0.9, 0.9, 1.2, 1.2], "floor": 0.8})
    experiment.add("dropout", slice_widths=widths).add("plain", keep_prob=1, slice_widths=widths.assign(floor=1.0))
    tables = experiment.tables
    found = measure("end_loss", tables, tables.named_run(NAME, "dropout"))
    assert bounds(found) == interval([0.1, 0.4], np.log, np.exp)
    assert math.isnan(measure("end_loss", tables, tables.named_run(NAME, "plain")).value)


def test_the_end_loss_is_that_of_the_history_where_there_are_no_slices(experiment):
    tables = experiment.add("dropout", history=history(loss=(0.1, 0.4))).tables
    found = measure("end_loss", tables, tables.named_run(NAME, "dropout"))
    assert bounds(found) == interval([0.1, 0.4], np.log, np.exp)


@pytest.fixture
def pair(tmp_path):
    """Tables of a run with dropout and of one without, with the content that a test gives by run."""

    def of(table, **content):
        runs = [Run("mnist", "dropout", True), Run("mnist", "plain", False, plain=True)]
        files = {}
        for name, rows in content.items():
            files[name] = {table: str(tmp_path / f"{name}.csv")}
            write_table(files[name][table], pd.DataFrame(rows))
        return Tables(runs, {"runs": {"mnist": files}, "experiments": {}, "theory": {}}), runs

    return of


def slices(keys, half_widths, again=None):
    """Widths at the judged rise, others at half of it, and where all parameters move."""
    judged = pd.DataFrame(keys | {"half_width": half_widths, "rise": 0.5, "moved": "weights", "judged": True})
    other = judged.assign(half_width=again or half_widths, judged=False)
    return pd.concat([other.assign(rise=0.25), judged, other.assign(moved="all")])


def test_slices_three_times_as_wide_in_every_direction_widen_by_three(pair):
    rows = [(seed, direction) for seed in (0, 1) for direction in range(5)]
    widths = {"seed": [s for s, _ in rows], "direction": [d for _, d in rows]}
    narrow = [0.1 + 0.01 * index for index in range(len(rows))]
    tables, (run, _) = pair(
        "slice_widths",
        dropout=slices(widths, [3 * width for width in narrow]),
        plain=slices(widths, [math.nan, *narrow[1:]], again=[0.5 * width for width in narrow]),
    )
    found = measure("slice_widening", tables, run)
    assert (found.value, found.low, found.high) == pytest.approx((3, 3, 3))
    assert found.points == 9
    assert found.note == "against plain; 1 of 10 directions left out"
    assert measure("slice_widening", tables, run, rise=0.25).value == pytest.approx(6)
    assert measure("slice_widening", tables, run, moved="all").value == pytest.approx(6)
    with pytest.raises(NotMeasuredError, match="no slices at a rise of 2 that move weights"):
        measure("slice_widening", tables, run, rise=2.0)


def test_the_widening_is_not_sensitive_to_a_rise_that_scales_every_width(pair):
    """At a rise of 1 dropout's slices are 9 times as wide, not 3: twice the logarithm."""
    rows = [(seed, direction) for seed in (0, 1) for direction in range(5)]
    keys = {"seed": [s for s, _ in rows], "direction": [d for _, d in rows]}
    narrow = np.array([0.1 + 0.01 * index for index in range(len(rows))])
    plain = slices(keys, narrow, again=list(0.5 * narrow))
    scaled = slices(keys, [math.nan, *3 * narrow[1:]], again=list(1.5 * narrow))
    tables, (run, _) = pair("slice_widths", dropout=scaled, plain=plain)
    found = measure("rise_sensitivity", tables, run)
    assert (found.value, found.note) == (pytest.approx(0, abs=1e-9), "rises of 0.25 for 0.5")
    third = [table[table["judged"]].assign(rise=1.0, judged=False) for table in (scaled, plain)]
    third[0]["half_width"] *= 3
    tables, (run, _) = pair("slice_widths", dropout=pd.concat([scaled, third[0]]), plain=pd.concat([plain, third[1]]))
    assert measure("rise_sensitivity", tables, run).value == pytest.approx(1)
    assert math.isnan(measure("rise_sensitivity", *pair("slice_widths", dropout=plain, plain=plain)[:1], run).value)
    judged = [table[table["judged"]] for table in (scaled, plain)]
    tables, (run, _) = pair("slice_widths", dropout=judged[0], plain=judged[1])
    assert math.isnan(measure("rise_sensitivity", tables, run).value)


@pytest.mark.parametrize(("paper", "low", "high"), [(60.0, 0.0, 7.2), (70.0, 2.8, 17.2)])
def test_the_distance_from_an_accuracy_is_that_of_the_mean_over_seeds(experiment, paper, low, high):
    """60 % with a standard error of 1.67 %: Student's bounds of three seeds are 7.2 percentage points away."""
    tables = experiment.add("dropout", history=history(test_accuracy=(0.6, 0.6 - 1 / 34.64, 0.6 + 1 / 34.64))).tables
    found = measure("distance_from_accuracy", tables, NAME, run="dropout", accuracy=paper)
    assert bounds(found) == pytest.approx((paper - 60, low, high), abs=0.05)
    assert found.note == f"60.0 % for {paper:g} %" and found.units == 3
    at_start = measure("distance_from_accuracy", tables, NAME, run="dropout", accuracy=paper, at="start")
    assert at_start.value == pytest.approx(700 - paper)


def test_accuracy_gain_is_that_of_the_last_step_in_percentage_points(pair):
    def history(last):
        return {"seed": [0, 0, 1, 1], "step": [0, 9, 9, 0], "test_accuracy": [0.1, last[0], last[1], 0.1]}

    tables, (run, _) = pair("history", dropout=history((0.60, 0.62)), plain=history((0.59, 0.57)))
    found = measure("accuracy_gain", tables, run)
    low, high = stats.ttest_1samp([1, 5], 0).confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((3, low, high))
    assert found.note == "61.0 % against 58.0 % of plain"


def test_accuracies_are_compared_before_the_steps_of_a_trajectory(pair):
    longer = {"seed": [0, 0, 1, 1], "step": [9, 14, 9, 14], "test_accuracy": [0.60, 0.9, 0.62, 0.9]}
    plain = {"seed": [0, 1], "step": 9, "test_accuracy": [0.59, 0.57]}
    tables, (run, _) = pair("history", dropout=longer, plain=plain)
    run.settings["trajectory_steps"] = 5
    assert measure("accuracy_gain", tables, run).value == pytest.approx(3)


def test_the_training_without_dropout_is_not_compared_with_itself(pair):
    tables, (_, plain) = pair("history", plain={"seed": [0, 1, 2], "step": 9, "test_accuracy": [0.5, 0.6, 0.9]})
    with pytest.raises(NotMeasuredError, match="plain is what trainings with dropout are compared with"):
        measure("accuracy_gain", tables, plain)


def test_a_comparison_needs_a_training_without_dropout(pair):
    tables, (run, _) = pair("history", dropout={"seed": [0], "step": [0], "test_accuracy": [0.1]})
    tables.runs.pop()
    with pytest.raises(NotMeasuredError, match="mnist has no training without dropout to compare dropout with"):
        measure("accuracy_gain", tables, run)
