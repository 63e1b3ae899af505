"""The table of Theorem 1: what holds for every network, what does not, and that it repeats."""

import numpy as np
import pandas as pd
import pytest

from dropscape.theory.tables.perturbations import CASES, table


@pytest.fixture(scope="module")
def found():
    return table(6, seed=1)


def test_one_row_for_each_network_of_each_case(found):
    assert found.groupby("case", sort=False).size().to_dict() == dict.fromkeys(CASES, 6) | {"ends": 1}
    assert not found.duplicated(["case", "network"]).any()


def test_the_explicit_moves_lower_r1_at_zero_loss(found):
    rows = found[found["case"].isin(["convexity", "intercepts"])]
    assert rows["lowered"].all()
    assert (rows["derivative"] < 0).all()
    assert (rows["r1_ratio"] < 1).all()
    assert (rows["risk"] < 1e-24).all()
    # R_1 is a quadratic function along the line, of which central differences are exact up to rounding.
    assert (rows["difference_error"] < 1e-6).all()


def test_what_any_move_can_do_is_told_apart_from_what_the_explicit_one_does(found):
    ends = found[found["case"] == "ends"]
    assert not ends["lowered"].any() and not ends["reducible"].any()
    assert (ends["largest_step"] == 0).all() and (ends["r1_ratio"] == 1).all()
    assert ends["function"].item() == "f(x) = +1 relu(1 x -1) -1 relu(1 x -2) at x = 0, 1, 2, 3"
    # A random network can be improved without either case: the theorem is no equivalence.
    neither = found[found["case"] == "neither"]
    assert neither["lowered"].isna().all() and neither["derivative"].isna().all()
    assert neither["reducible"].all()


def test_only_case_i_needs_the_linear_term(found):
    assert found.loc[found["case"] == "convexity", "linear_term"].any()
    assert not found.loc[found["case"] == "intercepts", "linear_term"].any()
    counts = found["convexity_changes"] > found["min_convexity_changes"]
    assert (counts == (found["case"] == "convexity")).all()


def test_same_arguments_same_table():
    first, again = table(2, seed=3), table(2, seed=3)
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert not np.array_equal(first["min_relative_change"], table(2, seed=4)["min_relative_change"])
