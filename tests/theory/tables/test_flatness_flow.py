"""The table of Theorem 2: signs, the same networks for both activations, and where nothing flows."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from dropscape.theory.flatness_flow import outputs
from dropscape.theory.tables import flatness_flow
from dropscape.theory.tables.flatness_flow import table

ARGUMENTS = {"networks": 12, "sizes": [[1, 5, 4], [3, 8, 6]], "keep_probs": [0.5, 0.9], "seed": 2}


@pytest.fixture(scope="module")
def found():
    return table(**ARGUMENTS)


def test_one_row_for_each_network_of_each_size_and_activation(found):
    keys = ["activation", "inputs", "hidden", "examples", "network"]
    assert len(found) == 2 * 2 * 12
    assert not found.duplicated(keys).any()
    assert found["keep_prob"].value_counts().to_dict() == {0.5: 24, 0.9: 24}


def test_the_theorem_holds_for_relu_and_not_for_every_tanh_network(found):
    relu, tanh = (found[found["activation"] == name] for name in ("relu", "tanh"))
    assert relu["falls"].all()
    assert (relu["closed_form_error"] < 1e-12).all()
    assert 0 < tanh["falls"].sum() < len(tanh)
    assert tanh["closed_form_error"].isna().all()
    assert (found["risk"] == 0).all()


def test_without_a_turned_neuron_a_short_flow_does_what_the_derivative_says(found):
    relu = found[(found["activation"] == "relu") & (found["turned"] == 0)]
    assert len(relu) > 10
    assert relu["falls_unturned"].all() and relu["falls_in_flow"].all()
    assert (relu["trace_change"] < 0).all()
    # What the loss that builds up pushes back makes the fall smaller, never larger than predicted by much.
    assert (relu["trace_change"] / relu["predicted_change"]).between(0, 1.1).all()
    turned = found[found["turned"] > 0]
    assert turned["falls_unturned"].isna().all() and turned["falls_in_flow"].notna().all()


def test_both_activations_have_the_same_draws(found):
    columns = ["inputs", "network", "keep_prob", "input_scale", "output_scale"]
    relu, tanh = (found[found["activation"] == name][columns].reset_index(drop=True) for name in ("relu", "tanh"))
    pd.testing.assert_frame_equal(relu, tanh)


def test_where_r1_has_no_gradient_nothing_is_judged(monkeypatch):
    def dead(activation, networks, size, keep_probs, seed):
        drawn, scales = random_networks(activation, networks, size, keep_probs, seed)
        silent = replace(drawn, a=torch.zeros_like(drawn.a))
        return replace(silent, y=outputs(silent)), scales

    random_networks = flatness_flow._random_networks
    monkeypatch.setattr(flatness_flow, "_random_networks", dead)
    rows = table(2, [[2, 3, 4]], [0.5], 0)
    assert (rows["gradient_norm"] == 0).all() and (rows["time"] == 0).all()
    for column in ("falls", "falls_in_flow", "falls_unturned"):
        assert rows[column].isna().all()


def test_same_arguments_same_table(found):
    pd.testing.assert_frame_equal(found, table(**ARGUMENTS), check_exact=True)
