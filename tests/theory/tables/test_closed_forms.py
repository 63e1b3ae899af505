"""The table: what is exact, how the errors add up, and what it says where the proposition does not apply."""

import numpy as np
import pandas as pd
import pytest

from dropscape.errors import ConfigurationError
from dropscape.theory import networks
from dropscape.theory.tables import closed_forms
from dropscape.theory.tables.closed_forms import compare

ERRORS = ["assumption1_error", "first_order_error", "cross_term_error"]


@pytest.fixture(scope="module")
def table():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "GD_STEPS", 1000)
        return closed_forms.table(3, (0.5, 0.9), seed=1, hidden=(5, 4), inputs=3, examples=6)


def test_one_row_for_each_combination(table):
    keys = ["network", "keep_prob", "state", "parameters"]
    assert len(table) == 3 * 2 * 2 * 2
    assert not table.duplicated(keys).any()
    assert set(table["state"]) == {"random", "trained"}
    assert dict(table.groupby("parameters")["dimension"].first()) == {"one_layer": 24, "all": 49}


def test_what_is_exact_agrees_with_the_enumeration(table):
    assert table["loss_identity_error"].max() < 1e-12
    # Near a minimum Sigma can be far smaller than the terms that cancel in it; rounding is relative to those.
    assert (table["exact_covariance_error"] < 1e-10 * (1 + table["theorem2_error"])).all()
    assert table.query("parameters == 'one_layer'")["theorem1_error"].max() < 1e-10


def test_away_from_a_minimum_theorem_1_is_not_exact_for_all_parameters(table):
    assert table.query("parameters == 'all' and state == 'random'")["theorem1_error"].min() > 1e-3


def test_errors_obey_the_triangle_inequality(table):
    assert (table["theorem2_error"] <= table[ERRORS].sum(axis=1) * (1 + 1e-9)).all()
    terms = table["theorem1_residual_term"] + table["theorem1_dropout_term"]
    assert (table["theorem1_error"] <= terms + 1e-12).all()


def test_training_goes_near_a_minimum(table):
    norms = table.pivot_table(index=["network", "keep_prob", "parameters"], columns="state", values="gradient_norm")
    assert (norms["trained"] < 0.1 * norms["random"]).all()


def test_the_proposition_holds_for_the_closed_forms_or_says_why_it_does_not_apply(table):
    random = table.query("state == 'random'")
    np.testing.assert_allclose(random["delta"], networks.OUTPUT_RANGE[0])
    for side in ("lower", "upper"):
        holds = table[f"{side}_holds_closed_form"]
        assert holds.dtype == "boolean"
        assert holds.dropna().all()
        undefined = table["delta"].isna()
        assert (holds.isna() == undefined).all()
        assert (table["note"].str.contains("Proposition 1") == undefined).all()
        assert (table[f"{side}_margin_enumerated"].isna() == undefined).all()


def test_an_output_outside_the_unit_interval_leaves_the_proposition_undefined():
    problem = networks.random_problem(0, 0, 2, (2, 2), 4)
    problem.model.layers[-1].bias.data += 0.2
    for row in compare(problem, 0.5):
        assert np.isnan(row["delta"])
        assert "outside (0, 1)" in row["note"]
        assert row["upper_holds_enumerated"] is None


def test_an_inactive_layer_gives_no_relative_errors_and_a_note():
    problem = networks.random_problem(0, 0, 2, (2, 2), 4)
    problem.model.layers[1].bias.data -= 100
    one_layer, everything = compare(problem, 0.5)
    assert "H and Sigma are zero" in one_layer["note"]
    for column in ("theorem1_error", "theorem2_error", "lower_margin_closed_form"):
        assert np.isnan(one_layer[column])
    assert one_layer["lower_holds_enumerated"] is None
    assert "zero" not in everything["note"]
    assert everything["theorem1_error"] < 1e-12


def test_without_dropout_only_the_mean_gradient_and_the_second_derivatives_are_missing():
    for row in compare(networks.random_problem(0, 1, 2, (2, 3), 4), 1.0):
        assert row["first_order_error"] < 1e-12
        assert row["cross_term_error"] < 1e-12
        assert row["theorem2_error"] == pytest.approx(row["assumption1_error"])
        assert np.isnan(row["first_order_error_of_dropout_part"])


def test_same_arguments_same_table(monkeypatch):
    monkeypatch.setattr(networks, "GD_STEPS", 20)
    arguments = {"networks": 1, "keep_probs": (0.7,), "seed": 3, "hidden": (2, 2), "inputs": 2, "examples": 3}
    pd.testing.assert_frame_equal(closed_forms.table(**arguments), closed_forms.table(**arguments))


def test_a_hidden_layer_too_wide_to_enumerate_is_refused(monkeypatch):
    monkeypatch.setattr(networks, "GD_STEPS", 1)
    with pytest.raises(ConfigurationError, match="last hidden width"):
        closed_forms.table(1, (0.5,), seed=0, hidden=(2, 40), inputs=2, examples=3)
