"""The table of Fig. 11: tidy, and equal to the networks it describes."""

import numpy as np
import pytest

from dropscape.theory.tables.interpolants import DRAWN, MIDDLE, SLOPE_CHANGES, X, network, table, targets


@pytest.fixture(scope="module")
def found():
    return table(30, [4, 500], 0.9)


def test_each_curve_has_its_outputs_points_and_intercepts(found):
    for curve, slope_changes in SLOPE_CHANGES.items():
        own = found[found["curve"] == curve]
        assert own["kind"].value_counts().to_dict() == {
            "output": DRAWN,
            "point": len(X),
            "intercept": len(slope_changes),
            "width": 2,
        }
        drawn = own[own["kind"] == "output"]
        np.testing.assert_allclose(drawn["output"], network(curve, 30).outputs(drawn["x"].to_numpy()))
        assert own.loc[own["kind"] == "point", "output"].tolist() == targets().tolist()
        marks = own[own["kind"] == "intercept"]
        assert list(zip(marks["x"], marks["slope_change"], strict=True)) == list(slope_changes)
        assert set(marks["x"]) <= set(drawn["x"])
        assert own.loc[own["kind"] != "intercept", "slope_change"].isna().all()


def test_numbers_of_a_curve_are_those_of_its_network(found):
    of_curve = found[found["kind"] != "width"].groupby("curve")[["r1", "risk", "r1_ratio"]].agg(["min", "max"])
    for curve in SLOPE_CHANGES:
        r1 = network(curve, 30).r1(X, 0.9)
        assert of_curve.loc[curve, "r1"].tolist() == [r1, r1]
        assert of_curve.loc[curve, "risk"].max() < 1e-28
        assert of_curve.loc[curve, "r1_ratio"].iloc[0] == r1 / network(MIDDLE, 30).r1(X, 0.9)


def test_other_widths_are_compared_with_the_minimal_curve_of_that_width(found):
    others = found[found["kind"] == "width"].set_index(["curve", "neurons"])
    for (curve, neurons), row in others.iterrows():
        ratio = network(curve, neurons).r1(X, 0.9) / network(MIDDLE, neurons).r1(X, 0.9)
        assert row["r1_ratio"] == pytest.approx(ratio)
        assert np.isnan(row["above_minimal"]) if curve == MIDDLE else row["above_minimal"] == (ratio > 1)
