"""Statistics on condensation and test errors from tables whose answers are worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.tables import NotMeasuredError
from tests.claims.experiments import NAME, Experiment, bounds, history, interval, measure


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


@pytest.fixture
def errors(experiment):
    """log10 of the test error by keep probability and number of examples, the second seed's higher by 1."""
    logarithms = {
        1.0: {4: -1.0, 8: -1.5, 10: -1.5},
        0.9: {4: -1.0, 8: -4.0, 10: -5.0},
        0.5: {4: -2.0, 8: -2.5, 10: -3.5},
    }
    for keep_prob, by_count in logarithms.items():
        for count, value in by_count.items():
            table = history(test_loss=(10**value, 10 ** (value + 1)))
            experiment.add(f"n{count}-{keep_prob}", "dropout", keep_prob, examples=count, history=table)
    return experiment


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"against": "no_dropout"}, (-3.0 - 1.5) / 2),
        ({"against": "no_dropout", "over": "largest"}, -1.5),
        ({"against": "no_dropout", "over": "smallest"}, -3.0),
        ({"against": "no_dropout", "keep_prob": 0.9}, -3.0),
        ({"against": "fewer_examples", "keep_prob": 0.9}, -3.5),
        ({"against": "fewer_examples", "keep_prob": 1.0}, -0.5),
        ({"against": "fewer_examples"}, (-3.5 - 1.0) / 2),
    ],
)
def test_errors_on_many_examples_are_compared(arguments, expected, errors):
    measured = measure("generalisation_change", errors.tables, NAME, above=6, **arguments)
    # The seeds differ by the same decade everywhere, so every draw gives the same.
    assert (measured.value, measured.low, measured.high) == pytest.approx((expected,) * 3)


def test_without_a_reference_nothing_is_measured(errors):
    for above, against in ((10, "no_dropout"), (3, "fewer_examples")):
        measured = measure("generalisation_change", errors.tables, NAME, above=above, against=against)
        assert math.isnan(measured.value) and measured.note.startswith(f"no training on more than {above} examples")


def test_an_error_of_zero_is_undefined_and_not_made_up(errors):
    errors.add("n20-0.9", "dropout", 0.9, examples=20, history=history(test_loss=(0.0, 1.0)))
    errors.add("n20", "risk", 1.0, examples=20, history=history(test_loss=(1.0, 1.0)))
    assert math.isnan(measure("generalisation_change", errors.tables, NAME, above=6, against="no_dropout").value)


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
        ({"run": "dropout", "compare": "difference", "against": "dropout"}, interval([-0.3, 0.3])),  # other seeds
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
