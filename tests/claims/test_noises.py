"""The flatness that noise leads to, from tables whose answers are worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.tables import NotMeasuredError
from tests.claims.experiments import NAME, Experiment, bounds, interval, measure


def ends(**traces):
    """Two trials of each of two seeds by method."""
    return pd.DataFrame(
        {"method": method, "seed": place // 2, "trial": place, "trace": trace, "loss": 0.1, "test_accuracy": 0.9}
        for method, values in traces.items()
        for place, trace in enumerate(values)
    )


@pytest.fixture
def tables(tmp_path):
    return lambda table: Experiment(tmp_path).add_experiment_table("noises", table).tables


def test_ratios_are_of_the_same_trial_and_their_mean_is_geometric(tables):
    table = ends(descent=(8.0, 4.0, 2.0, 1.0), dropout=(4.0, 1.0, 1.0, 0.25), sgd=(9.0, 9.0, 9.0, 9.0))
    found = measure("noise_flattening", tables(table[::-1]), NAME, method="dropout")
    assert found.value == pytest.approx((1 / 2 * 1 / 4 * 1 / 2 * 1 / 4) ** (1 / 4)) and found.counted == "4 trials"
    assert bounds(found) == interval([1 / 2, 1 / 4, 1 / 2, 1 / 4], np.log, np.exp)
    assert found.note == "mean trace 1.56 against 3.75 without noise"


def test_what_has_no_logarithm_is_left_out_and_counted(tables):
    table = ends(descent=(8.0, 4.0, -2.0, 1.0), dropout=(4.0, math.nan, 1.0, 0.5))
    found = measure("noise_flattening", tables(table), NAME, method="dropout")
    assert found.value == pytest.approx(0.5) and found.note.endswith("2 of 4 trials left out")
    none = measure("noise_flattening", tables(ends(descent=(0.0,), sgd=(1.0,))), NAME, method="sgd")
    assert math.isnan(none.value) and none.note == "no trial with two positive traces"


def test_a_noise_or_a_reference_that_is_absent_is_not_measured(tables):
    for table in (ends(descent=(1.0,)), ends(sgd=(1.0,))):
        with pytest.raises(NotMeasuredError, match="no trainings under sgd and without noise to compare"):
            measure("noise_flattening", tables(table), NAME, method="sgd")
