"""The flatness that noise leads to, from tables whose answers are worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.tables import NotMeasuredError
from tests.claims.experiments import NAME, Experiment, bounds, interval, measure

STEPS = np.arange(0, 17, 2)
FALLING = 1.0 - STEPS / 16  # a loss


def trainings(**traces):
    """Two trials of each of two seeds by method: (traces at all steps, or a number of each trial; loss)."""
    rows = []
    for method, (values, loss) in traces.items():
        for place in range(4):
            trace = np.broadcast_to(values[place] if np.ndim(values) else values, STEPS.shape)
            keys = {"method": method, "seed": place // 2, "trial": place, "step": STEPS}
            rows.append(pd.DataFrame(keys | {"trace": trace, "loss": loss, "test_accuracy": 0.9}))
    return pd.concat(rows)[::-1]


@pytest.fixture
def tables(tmp_path):
    return lambda table: Experiment(tmp_path).add_experiment_table("noises", table).tables


def test_ratios_are_of_the_same_trial_and_their_mean_is_geometric(tables):
    table = trainings(descent=([8.0, 4.0, 2.0, 1.0], FALLING), dropout=([4.0, 1.0, 1.0, 0.25], FALLING))
    for at in ("equal_loss", "stationarity"):
        found = measure("noise_flattening", tables(table), NAME, method="dropout", at=at)
        assert bounds(found) == interval([1 / 2, 1 / 4, 1 / 2, 1 / 4], np.log, np.exp)
        assert found.counted == "4 trials" and not found.void
        assert found.note == "mean trace 1.56 of dropout, 3.75 of descent"


def test_at_equal_loss_the_traces_are_those_where_both_have_it(tables):
    """Descent ends at 0, dropout at 0.3, which descent has between two recorded steps: at 1.5 of 2 steps of 2."""
    traces = [1.0 + STEPS] * 4
    table = trainings(descent=(traces, FALLING), dropout=([5.0] * 4, 1 - 0.7 * STEPS / 16))
    found = measure("noise_flattening", tables(table), NAME, method="dropout")
    assert found.value == pytest.approx(5 / (1 + 0.7 * 16))
    # The other way round it is the same loss.
    other = measure("noise_flattening", tables(table), NAME, method="descent", reference="dropout")
    assert other.value == pytest.approx(1 / found.value)


def test_the_lowest_loss_of_a_noisy_training_is_where_it_is_first_reached(tables):
    """It falls to 0.5, rises, and ends there: the trace is that of the first time."""
    noisy = np.where(STEPS == 8, 0.5, np.where(STEPS < 8, 1.0, 0.6))
    table = trainings(dropout=([2.0 + STEPS] * 4, noisy), descent=([1.0] * 4, FALLING))
    assert measure("noise_flattening", tables(table), NAME, method="dropout").value == pytest.approx(10)


def test_at_stationarity_the_last_quarter_counts_and_nothing_is_judged_before(tables):
    calm = np.where(STEPS >= 12, 3.0, 9.0)
    table = trainings(descent=([6.0] * 4, FALLING), dropout=([calm] * 4, FALLING))
    found = measure("noise_flattening", tables(table), NAME, method="dropout", at="stationarity")
    assert found.value == pytest.approx(0.5)
    # Steps 10 and 12 are the third quarter, (9 + 3) / 2 on average; 14 and 16 the last.
    assert found.void == "not stationary: the trace changes by -50% of dropout over the last quarter"


def test_what_has_no_logarithm_is_left_out_and_counted(tables):
    table = trainings(descent=([8.0, 4.0, -2.0, 1.0], FALLING), dropout=([4.0, math.nan, 1.0, 0.5], FALLING))
    found = measure("noise_flattening", tables(table), NAME, method="dropout")
    assert found.value == pytest.approx(0.5) and found.note.endswith("2 of 4 trials left out")
    lost = trainings(descent=(8.0, FALLING), sgd=(4.0, FALLING * math.nan))
    for method, table in (("sgd", lost), ("sgd", trainings(descent=(0.0, FALLING), sgd=(1.0, FALLING)))):
        none = measure("noise_flattening", tables(table), NAME, method=method)
        assert math.isnan(none.value) and none.note == "no trial with two positive traces"


def test_a_noise_or_a_reference_that_is_absent_is_not_measured(tables):
    for table in (trainings(descent=(1.0, FALLING)), trainings(sgd=(1.0, FALLING))):
        with pytest.raises(NotMeasuredError, match="no trainings sgd and descent to compare"):
            measure("noise_flattening", tables(table), NAME, method="sgd")
