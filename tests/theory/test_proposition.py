"""Proposition 1: its constants, the Loewner checks, and where it is a theorem."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dropscape.errors import ConfigurationError
from dropscape.theory import closed_forms, enumeration
from dropscape.theory.networks import random_problem
from dropscape.theory.proposition import constants, loewner_checks

few = settings(max_examples=15, deadline=None)


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_constants_are_the_tightest_that_meet_the_hypotheses():
    delta, epsilon = constants(vector(0.2, 0.7), vector(0, 1), vector(0.02, 0.125))
    assert delta == pytest.approx(0.2)
    assert (delta + epsilon) ** 2 / 2 == pytest.approx(0.125)


@pytest.mark.parametrize("outputs", [(0.0, 0.5), (0.5, 1.0), (-0.1, 0.5), (0.5, 1.2)])
def test_no_constants_where_an_output_is_not_inside_the_unit_interval(outputs):
    assert all(math.isnan(value) for value in constants(vector(*outputs), vector(0, 1), vector(0.1, 0.1)))
    assert [holds for _, holds in loewner_checks(torch.eye(2), torch.eye(2), math.nan, math.nan)] == [None, None]


def test_no_verdict_on_a_hessian_of_zero():
    zero = torch.zeros(2, 2)
    assert [holds for _, holds in loewner_checks(zero, zero, 0.1, 0.1)] == [None, None]


def test_targets_must_be_binary():
    with pytest.raises(ConfigurationError, match="0 or 1"):
        constants(vector(0.5), vector(0.3), vector(0.1))


def test_checks_of_diagonal_matrices():
    hessian = torch.diag(vector(4.0, 2.0))
    (lower, lower_holds), (upper, upper_holds) = loewner_checks(hessian, torch.diag(vector(2.0, 0.25)), 0.5, 0.5)
    assert (lower, lower_holds) == (pytest.approx(-0.25), False)
    assert (upper, upper_holds) == (pytest.approx(1.75 / 4), True)


def test_rounding_is_not_a_violation_when_the_bound_is_far_smaller_than_the_covariance():
    margins = []
    for seed in range(10):
        half = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        hessian = half @ half.T
        (margin, holds), _ = loewner_checks(hessian, 1.0 * hessian, 1e-6, 1.0)
        margins.append(margin)
        assert holds
    assert min(margins) < -1e-10


@few
@given(st.integers(0, 1000), st.floats(0.1, 0.99), st.lists(st.integers(2, 4), min_size=1, max_size=2))
def test_it_always_holds_for_the_matrices_of_theorems_1_and_2(index, keep_prob, hidden):
    problem = random_problem(0, index, 2, hidden, 5)
    names = [name for name, _ in problem.model.named_parameters()]
    expansion = closed_forms.expand(problem.model, problem.inputs, problem.targets, names)
    delta, epsilon = constants(
        expansion.residual + problem.targets, problem.targets, closed_forms.expected_losses(expansion, keep_prob)
    )
    assert delta == pytest.approx(0.1)
    checks = loewner_checks(
        closed_forms.hessian(expansion, keep_prob), closed_forms.covariance(expansion, keep_prob), delta, epsilon
    )
    assert [holds for _, holds in checks] == [True, True]


@few
@given(st.integers(0, 1000), st.floats(0.1, 0.99))
def test_with_bounds_over_every_mask_it_holds_for_the_true_second_moment_within_one_layer(index, keep_prob):
    problem = random_problem(0, index, 2, (3, 3), 5)
    model, x, y = problem.model, problem.inputs, problem.targets
    masks, _ = enumeration.all_masks(3, keep_prob)
    with torch.no_grad():
        outputs = torch.stack([model.layers[2](mask * model.hidden(x, 2))[:, 0] for mask in masks])
    errors = (outputs - y).abs()
    low, high = errors.min().item(), errors.max().item()
    block = ["layers.1.weight", "layers.1.bias"]
    hessian = enumeration.hessian(model, x, y, keep_prob, block)
    _, second_moment = enumeration.gradient_moments(model, x, y, keep_prob, block)
    tolerance = 1e-10 * (high**2 * hessian.norm() + second_moment.norm())
    assert torch.linalg.eigvalsh(second_moment - low**2 * hessian)[0] >= -tolerance
    assert torch.linalg.eigvalsh(high**2 * hessian - second_moment)[0] >= -tolerance
