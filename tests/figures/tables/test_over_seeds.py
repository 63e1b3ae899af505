import math

import pandas as pd
import pytest

from dropscape.figures.tables.over_seeds import long_format, over_seeds

RUN = {"run": "r", "keep_prob": 0.8, "learning_rate": 0.1, "dropout_after": 1, "mask_mode": "shared", "variant": ""}


@pytest.fixture
def points():
    table = pd.DataFrame(
        {"seed": [0, 1, 0, 1], "step": [0, 0, 5, 5], "a": [1.0, 4.0, math.nan, 2.0], "b": [1.0, 1.0, 1.0, math.inf]}
    ).assign(undefined=[math.nan, math.nan, "The Hessian is zero: no cosine.", math.nan], **RUN)
    return long_format(table, {"a": "first", "b": "second"})


def test_only_values_that_are_not_finite_have_a_reason(points):
    reasons = points[points["reason"] != ""].set_index(["quantity", "seed", "step"])["reason"]
    assert reasons.to_dict() == {
        ("first", 0, 5): "The Hessian is zero: no cosine.",
        ("second", 1, 5): "not a finite number",
    }


def test_mean_and_range_are_over_the_seeds_with_a_value(points):
    summary = over_seeds(points).set_index(["quantity", "step"])
    columns = ["mean", "low", "high", "seeds", "undefined"]
    assert list(summary.loc[("first", 0), columns]) == [2.5, 1, 4, 2, 0]
    assert list(summary.loc[("first", 5), columns]) == [2, 2, 2, 1, 1]
    assert list(summary.loc[("second", 5), columns]) == [1, 1, 1, 1, 1]
    assert over_seeds(points, geometric=True)["mean"].iloc[0] == pytest.approx(2)
