import math

import pandas as pd
import pytest

from dropscape.figures.quantities import long_form, over_seeds, require_positive


@pytest.fixture
def points():
    table = pd.DataFrame(
        {"seed": [0, 1, 0, 1], "step": [0, 0, 5, 5], "a": [1.0, 4.0, math.nan, 2.0], "b": [1.0, 1.0, 1.0, math.inf]}
    )
    return long_form(table, {"a": "first", "b": "second"}, ["seed", "step"])


def test_only_values_that_are_not_finite_have_a_reason(points):
    reasons = points[points["reason"] != ""].set_index(["quantity", "seed", "step"])["reason"]
    assert reasons.to_dict() == dict.fromkeys([("first", 0, 5), ("second", 1, 5)], "not a finite number")


def test_mean_and_range_are_over_the_seeds_with_a_value(points):
    summary = over_seeds(points, ["quantity", "step"]).set_index(["quantity", "step"])
    columns = ["mean", "low", "high", "seeds", "undefined"]
    assert list(summary.loc[("first", 0), columns]) == [2.5, 1, 4, 2, 0]
    assert list(summary.loc[("first", 5), columns]) == [2, 2, 2, 1, 1]
    assert list(summary.loc[("second", 5), columns]) == [1, 1, 1, 1, 1]
    assert over_seeds(points, ["quantity", "step"], geometric=True)["mean"].iloc[0] == pytest.approx(2)


def test_a_logarithmic_axis_hides_what_is_not_positive():
    points = pd.DataFrame({"value": [1.0, 0.0, -1.0, math.nan], "reason": ["", "", "", "not a finite number"]})
    hidden = require_positive(points, "not positive")["reason"]
    assert hidden.tolist() == ["", "not positive", "not positive", "not a finite number"]
