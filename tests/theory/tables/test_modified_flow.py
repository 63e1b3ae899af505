"""The table of eq. (6): which flow is right to which order, and that it repeats."""

import numpy as np
import pandas as pd
import pytest

from dropscape.theory.tables.modified_flow import table

RATES = [0.004, 0.002, 0.001]


@pytest.fixture(scope="module")
def found():
    return table(3, RATES, 0.05, [2, 3, 4], seed=1)


def order(found, **where):
    rows = found.loc[(found[list(where)] == pd.Series(where)).all(axis=1)]
    slopes = [
        np.polyfit(np.log(one["learning_rate"]), np.log(one["error"]), 1)[0] for _, one in rows.groupby("network")
    ]
    return np.array(slopes)


def test_a_row_for_each_network_flow_and_mean(found):
    counts = found.groupby(["masks", "iterate"]).size()
    assert counts.to_dict() == {
        **{("shared", iterate): 27 for iterate in ("step", "time", "epoch")},
        **{("per_example", iterate): 27 for iterate in ("step", "time")},
    }
    times = found[found["iterate"] == "time"]
    assert times["steps"].to_numpy() * times["learning_rate"].to_numpy() == pytest.approx(0.05)


@pytest.mark.parametrize("masks", ["shared", "per_example"])
def test_a_step_follows_the_mean_gradients_square_and_not_its_mean_square(found, masks):
    expected = {"risk_plus_r1": 2, "with_r2": 2, "with_square": 3}
    for name, slope in expected.items():
        assert order(found, masks=masks, iterate="step", flow=name) == pytest.approx(slope, abs=0.15)


def test_an_epoch_that_has_every_mask_once_follows_r2(found):
    expected = {"risk_plus_r1": 2, "with_r2": 3, "with_square": 2}
    for name, slope in expected.items():
        assert order(found, iterate="epoch", flow=name) == pytest.approx(slope, abs=0.15)


def test_lemma_1_holds_to_rounding_and_not_without_r1(found):
    assert (found["lemma1_error"] < 1e-13).all() and (found["error_without_r1"] > 1e-3).all()


def test_same_arguments_same_table(found):
    again = table(3, RATES, 0.05, [2, 3, 4], seed=1)
    pd.testing.assert_frame_equal(found, again, check_exact=True)
