"""Expansions of test functions against automatic differentiation."""

import pytest
import torch
from torch.func import grad, jvp

from dropscape.equations.activations import activation_called
from dropscape.equations.network import Parameters
from dropscape.equations.test_functions import test_functions as functions_of
from tests.equations.networks import curve, dropout_loss, problem

TANH = activation_called("tanh")


@pytest.fixture
def made():
    start, sample = curve()
    descent = start.add_scaled(problem(3, 3, 2, inputs=1)[0], 0.2)
    responses = [problem(seed, 3, 2, trials=4, inputs=1)[0] for seed in (5, 6)]
    return functions_of(start, descent, sample, TANH), start, descent, responses, sample


def by_hand(name, start, descent, sample):
    """The functions as functions of one trial's vector."""
    first, path = start.vectors()[0], descent.vectors()[0]
    mask = torch.ones(3, dtype=torch.float64)
    downhill = grad(lambda v: dropout_loss(v, mask, sample, TANH))(first)
    return {
        "mean": lambda v: v,
        "second_moment": lambda v: (v - first).square().sum()[None],
        "spread": lambda v: (v - path).square().sum()[None],
        "risk": lambda v: dropout_loss(v, mask, sample, TANH)[None],
        "cosine": lambda v: (v @ (downhill / downhill.norm())).cos()[None],
        "bounded": lambda v: (-(v - first).square().sum() / 2).exp()[None],
    }[name]


@pytest.mark.parametrize("name", ["mean", "second_moment", "spread", "risk", "cosine", "bounded"])
def test_values_and_expansions(made, name):
    functions, start, descent, (xi, zeta), sample = made
    g = by_hand(name, start, descent, sample)
    at = descent.vectors()[0]
    shifted = Parameters(*(value + change for value, change in zip(descent, xi, strict=True)))
    torch.testing.assert_close(functions[name].value(shifted), torch.stack([g(at + row) for row in xi.vectors()]))
    first, second = functions[name].expansion(xi, zeta)
    for trial, (row, further) in enumerate(zip(xi.vectors(), zeta.vectors(), strict=True)):

        def slope(v, along=row):
            return jvp(g, (v,), (along,))[1]

        torch.testing.assert_close(first[trial], slope(at))
        curved = jvp(slope, (at,), (row,))[1] / 2
        torch.testing.assert_close(second[trial], slope(at, further) + curved)
