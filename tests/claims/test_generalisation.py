"""Statistics on condensation and test errors from tables whose answers are worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.tables import NotMeasuredError
from tests.claims.experiments import NAME, Experiment, bounds, interval, measure


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path)


def falling(first_below):
    """Losses recorded at 0, 100, ..., 1000 that are below 1e-5 from a step on, by seed."""
    return pd.DataFrame(
        {"seed": seed, "step": step, "loss": 1e-6 if step >= first else 1e-5}
        for seed, first in enumerate(first_below)
        for step in range(0, 1001, 100)
    )


def test_steps_are_compared_seed_by_seed(experiment):
    experiment.add("dropout", history=falling((100, 200))).add("small", "risk", 1.0, history=falling((400, 200)))
    measured = measure("steps_to_level", experiment.tables, NAME, run="dropout", other="small", level=1e-5)
    assert bounds(measured) == interval([4, 1], np.log, np.exp)
    assert measured.units == 2 and measured.note == "150 steps against 300 of small"


def test_a_run_that_does_not_get_there_needs_at_least_all_its_steps(experiment):
    experiment.add("dropout", history=falling((100, 100))).add("small", "risk", 1.0, history=falling((500, 2000)))
    measured = measure("steps_to_level", experiment.tables, NAME, run="dropout", other="small", level=1e-5)
    assert measured.value == pytest.approx(math.sqrt(5 * 10))
    assert measured.note.endswith("750 of small, which does not get there with 1 of 2 seeds: at least so many")
    turned = measure("steps_to_level", experiment.tables, NAME, run="small", other="dropout", level=1e-5)
    assert math.isnan(turned.value) and turned.note == "the loss of small stays above 1e-05"


def test_the_other_run_may_be_of_another_experiment_with_other_seeds(experiment):
    experiment.add("dropout", history=falling((100, 200)))
    experiment.add("small", "risk", 1.0, within="other", history=falling((400, 800, 100)))
    tables = experiment.tables
    measured = measure(
        "steps_to_level", tables, NAME, run="dropout", other="small", level=1e-5, other_experiment="other"
    )
    assert (measured.value, measured.units) == (pytest.approx(4), 2)
    with pytest.raises(NotMeasuredError):
        measure("steps_to_level", tables, NAME, run="dropout", other="small", level=1e-5)


def test_a_run_that_the_scale_leaves_out_is_not_measured(experiment):
    experiment.add("dropout", history=falling((100, 100)))
    with pytest.raises(NotMeasuredError, match="experiment has no run 'small' at this scale"):
        measure("steps_to_level", experiment.tables, NAME, run="dropout", other="small", level=1e-5)


def predicted(*errors, lines):
    """Predictions of one seed for each normalised error, of a target whose lines have another one.

    The test targets are 1 and -1 by turns, so that their variance is 1, and all outputs are off by the root of the
    error; straight lines between the two training points are off by the same everywhere.
    """
    x, target = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, -1.0, 1.0, -1.0])
    train = {"split": "train", "x": x, "target": target + math.sqrt(lines), "output": 0.0}
    frames = [
        pd.DataFrame({"seed": seed, "example": range(4)} | rows)
        for seed, error in enumerate(errors)
        for rows in (train, {"split": "test", "x": x, "target": target, "output": target - math.sqrt(error)})
    ]
    return pd.concat(frames)


@pytest.fixture
def errors(experiment):
    """log10 of the test error by keep probability and number of examples, the second seed's higher by 1."""
    logarithms = {
        1.0: {4: -1.0, 6: -1.2, 8: -1.5, 10: -1.5},
        0.9: {4: -1.0, 6: -1.5, 8: -4.0, 10: -5.0},
        0.5: {4: -2.0, 6: -2.0, 8: -2.5, 10: -3.5},
    }
    for keep_prob, by_count in logarithms.items():
        for count, value in by_count.items():
            table = predicted(10**value, 10 ** (value + 1), lines=10.0**-count)
            experiment.add(f"n{count}-{keep_prob}", "dropout", keep_prob, train_examples=count, predictions=table)
    return experiment


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, (-4.5 - 3) / 2 + 0.5),
        ({"keep_prob": 0.9}, -4.5 + 0.5),
        ({"keep_prob": 1.0}, -1.5 + 0.5),
        ({"over": "largest"}, -3 + 0.5),
        ({"against": "no_dropout"}, (-3.0 - 1.5) / 2),
        ({"against": "no_dropout", "over": "largest"}, -1.5),
        ({"against": "no_dropout", "keep_prob": 0.9}, -3.0),
        ({"against": "interpolant", "keep_prob": 0.9}, (4 + 5) / 2 + 0.5),
        ({"of": "interpolant"}, -9),
    ],
)
def test_errors_on_many_examples_are_compared(arguments, expected, errors):
    measured = measure("generalisation_error", errors.tables, NAME, above=6, **arguments)
    assert measured.value == pytest.approx(expected)
    if measured.unit == "seed" and arguments.get("against") == "no_dropout":
        # The seeds differ by the same decade everywhere, so every draw gives the same.
        assert (measured.low, measured.high) == pytest.approx((expected,) * 2)


def test_two_runs_of_one_place_on_the_grid_are_told_and_not_the_last_one_taken(errors):
    errors.add("n8-0.9-slow", "dropout", 0.9, train_examples=8, predictions=predicted(1.0, 1.0, lines=1.0))
    with pytest.raises(NotMeasuredError, match=r"two runs of keep probability 0\.9 and 8 examples: 'n8-0\.9-slow'"):
        measure("generalisation_error", errors.tables, NAME, above=6)


def test_without_a_reference_nothing_is_measured(errors):
    measured = measure("generalisation_error", errors.tables, NAME, above=10, against="no_dropout")
    assert math.isnan(measured.value) and measured.note.startswith("no training on more than 10 examples")


def test_an_error_of_zero_is_undefined_and_not_made_up(errors):
    for keep_prob, first in ((0.9, 0.0), (1.0, 1.0)):
        table = predicted(first, 1.0, lines=0.1)
        errors.add(f"n20-{keep_prob}", "dropout", keep_prob, train_examples=20, predictions=table)
    assert math.isnan(measure("generalisation_error", errors.tables, NAME, above=6, against="no_dropout").value)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"at": 6, "keep_prob": 0.9}, (2.5 - 1.0) / 2),  # the next largest fall is from 8 to 10
        ({"at": 8, "keep_prob": 0.9}, (1.0 - 2.5) / 2),
        ({"at": 6}, (1.5 - 1.0) / 2),  # falls of 0.25, 1.5 and 1 in the mean over keep probabilities
        ({"at": 6, "keep_prob": 1.0}, (0.3 - 0.2) / 2),
    ],
)
def test_the_largest_fall_for_each_added_example_is_found(arguments, expected, errors):
    measured = measure("generalisation_transition", errors.tables, NAME, **arguments)
    assert (measured.value, measured.low, measured.high) == pytest.approx((expected,) * 3)
    assert measured.units == 2


@pytest.mark.parametrize("at", [7, 10])
def test_a_fall_needs_neighbours_on_the_grid(at, errors):
    measured = measure("generalisation_transition", errors.tables, NAME, at=at)
    assert math.isnan(measured.value) and "between two others" in measured.note


def condensation(first, last, layers=("one", "two")):
    """Leading shares of the first layer by seed at the first and the last step; the other layer's are 0."""
    return pd.DataFrame(
        {"seed": seed, "layer": layer, "step": step, "leading_share": value if layer == layers[0] else 0.25,
         "convexity_changes": math.nan}
        for layer in layers
        for step, values in ((0, first), (500, [0.5] * len(first)), (1000, last))
        for seed, value in enumerate(values)
    )  # fmt: skip


@pytest.fixture
def condensed(experiment):
    experiment.add("plain", "risk", 1.0, condensation=condensation((0.3, 0.3), (0.3, 0.3)))
    return experiment.add("dropout", condensation=condensation((0.3, 0.3), (0.6, 0.9)))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"run": "dropout", "compare": "difference"}, interval([0.3, 0.6])),
        ({"run": "dropout", "compare": "value"}, interval([0.6, 0.9])),
        ({"run": "dropout", "compare": "ratio"}, interval([2, 3], np.log, np.exp)),
        ({"run": "dropout", "compare": "ratio", "against": "plain"}, interval([2, 3], np.log, np.exp)),
        ({"run": "plain", "compare": "difference", "against": "dropout"}, interval([-0.3, -0.6])),
        ({"run": "plain", "compare": "difference"}, (0, 0, 0)),
        ({"run": "dropout", "compare": "ratio", "layer": "two"}, (1, 1, 1)),
    ],
)
def test_the_end_is_compared_with_the_start_or_with_another_end(arguments, expected, condensed):
    measured = measure("condensation_change", condensed.tables, NAME, column="leading_share", **arguments)
    assert bounds(measured) == expected
    assert measured.units == 2


def test_notes_name_both_numbers(condensed):
    of_start = measure(
        "condensation_change", condensed.tables, NAME, run="dropout", column="leading_share", compare="difference"
    )
    assert of_start.note == "0.75 against 0.3 of its first step"
    of_other = measure(
        "condensation_change",
        condensed.tables,
        NAME,
        run="dropout",
        column="leading_share",
        compare="ratio",
        against="plain",
    )
    assert of_other.note == "0.75 against 0.3 of plain"


def test_a_measure_that_is_not_defined_is_not_compared(condensed):
    measured = measure(
        "condensation_change", condensed.tables, NAME, run="dropout", column="convexity_changes", compare="ratio"
    )
    assert math.isnan(measured.value) and measured.note == "convexity_changes is not defined"
    assert np.isnan(measured.low)


def test_bounds_and_moments_of_the_reference(experiment):
    def ratios(name, upper, lower):
        rows = [
            {"seed": seed, "layer": "one", "step": step, "effective_ratio": up, "effective_ratio_lower": down}
            for step, (ups, downs) in enumerate(zip(upper, lower, strict=True))
            for seed, (up, down) in enumerate(zip(ups, downs, strict=True))
        ]
        experiment.add(name, condensation=pd.DataFrame(rows))

    ratios("dropout", [(1, 1), (0.5, 0.4), (0.2, 0.3)], [(0.1, 0.1)] * 3)
    ratios("plain", [(9, 9)] * 3, [(1, 1), (0.5, 0.8), (0.8, 0.6)])
    arguments = {"run": "dropout", "against": "plain", "column": "effective_ratio", "compare": "ratio"}
    arguments["against_column"] = "effective_ratio_lower"
    end = measure("condensation_change", experiment.tables, NAME, **arguments)
    assert bounds(end) == interval([0.25, 0.5], np.log, np.exp)
    whole = measure("condensation_change", experiment.tables, NAME, **arguments, moments="training")
    assert bounds(whole) == interval([0.5, 0.5], np.log, np.exp)


def test_the_reference_may_be_of_another_experiment(condensed):
    condensed.add("plain", within="other", condensation=condensation((1, 1), (0.2, 0.3)))
    arguments = {"run": "dropout", "column": "leading_share", "compare": "ratio", "against": "plain"}
    measured = measure("condensation_change", condensed.tables, NAME, other_experiment="other", **arguments)
    assert bounds(measured) == interval([3, 3], np.log, np.exp)


def test_a_ratio_of_effective_ratios_is_compared_between_thresholds(experiment):
    def ended(name, judged, *others):
        columns = {"effective_ratio_unsigned": judged}
        columns |= dict(
            zip(("effective_ratio_unsigned_at_0.9", "effective_ratio_unsigned_at_0.98"), others, strict=True)
        )
        last = pd.DataFrame({"seed": [0, 1], "layer": "one", "step": 5} | columns)
        experiment.add(name, condensation=pd.concat([last.assign(step=0, **dict.fromkeys(columns, 7.0)), last]))

    ended("dropout", (0.2, 0.2), (0.1, 0.1), (0.25, 0.25))
    ended("plain", (0.8, 0.8), (0.4, 0.4), (0.9, 0.9))
    both = measure("threshold_sensitivity", experiment.tables, NAME, run="dropout", against="plain")
    assert both.value == pytest.approx(1.25 / 1.125)
    alone = measure("threshold_sensitivity", experiment.tables, NAME, run="dropout")
    assert (alone.value, alone.units) == (pytest.approx(2), 2)


def points_at(targets):
    """Predictions of two seeds, whose test examples are other ones than the training examples."""
    train = pd.DataFrame({"split": "train", "x": list(targets), "target": list(targets.values())})
    both = pd.concat([train, pd.DataFrame({"split": "test", "x": [0.5, 0.7], "target": [50.0, -50.0]})])
    return pd.concat(both.assign(seed=seed) for seed in (0, 1))


def test_variation_is_compared_with_the_least_through_the_points(experiment):
    points = points_at({1.0: 3.0, 0.0: 1.0, 2.0: 2.0})  # up by 2, down by 1
    ends = pd.DataFrame({"seed": [0, 1, 0, 1], "step": [0, 0, 9, 9], "total_variation": [50.0, 50.0, 6.0, 4.5]})
    experiment.add("dropout", condensation=ends, predictions=points)
    tables = experiment.tables
    assert bounds(measure("variation_excess", tables, tables.runs[0])) == interval([2, 1.5], np.log, np.exp)


def test_outputs_are_compared_at_the_end_seed_by_seed(experiment):
    def function(*outputs):
        frames = [
            pd.DataFrame({"seed": seed, "step": step, "x": [0.0, 1.0], "output": value if step else 9.0})
            for seed, value in enumerate(outputs)
            for step in (0, 5)
        ]
        return pd.concat(frames)

    points = points_at({0.0: -2.0, 1.0: 2.0})  # a standard deviation of 2
    experiment.add("one", function=function([1.0, 1.0], [0.0, 4.0]), predictions=points)
    experiment.add("other", function=function([2.0, 2.0], [0.0, 0.0]))
    measured = measure("output_distance", experiment.tables, NAME, run="one", other="other")
    assert bounds(measured) == interval([0.5, math.sqrt(8) / 2], np.log, np.exp)
