import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.covariance import covariance, unit_effects
from dropscape.equations.activations import ACTIVATIONS, activation_called
from dropscape.equations.network import forward
from dropscape.equations.noise import dropout_gradient
from tests.equations.networks import close, enumerated_covariance, problem


@settings(max_examples=20)
@given(
    st.integers(0, 1000),
    st.integers(1, 5),
    st.integers(1, 3),
    st.floats(0.1, 0.99),
    st.sampled_from(list(ACTIVATIONS)),
)
def test_covariance_is_that_of_all_masks(seed, units, outputs, keep_prob, name):
    parameters, sample = problem(seed, units, outputs, trials=2)
    activation = activation_called(name)
    ours = covariance(forward(parameters, sample, activation), keep_prob)
    expected = [enumerated_covariance(theta, sample, activation, units, keep_prob) for theta in parameters.vectors()]
    close(ours, torch.stack(expected), 1e-10)


@pytest.mark.parametrize("outputs", [1, 3])
def test_eight_units(outputs):
    parameters, sample = problem(5, 8, outputs, examples=9, inputs=3)
    activation = activation_called("tanh")
    ours = covariance(forward(parameters, sample, activation), 0.7)[0]
    close(ours, enumerated_covariance(parameters.vectors()[0], sample, activation, 8, 0.7), 1e-10)
    assert torch.linalg.eigvalsh(ours).min() > -1e-12 * ours.trace()


def test_rank_is_at_most_the_number_of_units_and_pairs():
    parameters, sample = problem(6, 4, 3, examples=20, inputs=6)
    ours = covariance(forward(parameters, sample, activation_called("tanh")), 0.5)[0]
    assert ours.shape == (40, 40)
    assert torch.linalg.matrix_rank(ours, hermitian=True) == 4 + 6


def test_keeping_everything_leaves_none():
    parameters, sample = problem(7, 4, 2)
    assert covariance(forward(parameters, sample, activation_called("tanh")), 1.0).abs().max() == 0


def test_unit_effects_are_derivatives():
    """M_rj is the gradient with respect to q_r of the mean of g_r . g_j with g_j held fixed."""
    parameters, sample = problem(8, 3, 2)
    effects = unit_effects(forward(parameters, sample, activation_called("gelu")))[0]
    for r in range(3):
        for j in range(3):
            a, w = (value[0].clone().requires_grad_() for value in parameters)
            shares = torch.nn.functional.gelu(sample.inputs @ w.T)[..., None] * a
            (shares[:, r] * shares[:, j].detach()).sum().div(6).backward()
            close(effects[r, j], torch.cat([a.grad[r], w.grad[r]]))


def test_covariance_is_that_of_random_masks_where_enumeration_is_too_much():
    """Each entry in units of its own standard error, estimated; the largest below its Bonferroni level of 1e-4."""
    units, trials = 20, 40_000
    parameters, sample = problem(9, units, 2, examples=12)
    activation, keep_prob = activation_called("sigmoid"), 0.6
    generator = torch.Generator().manual_seed(0)
    kept = torch.rand(trials, units, generator=generator, dtype=torch.float64) < keep_prob
    gradients = dropout_gradient(parameters.expanded(trials), sample, activation, kept.double() / keep_prob).vectors()
    centred = gradients - gradients.mean(dim=0)
    sampled = centred.T @ centred / (trials - 1)
    spread = ((centred**2).T @ centred**2 / trials - sampled**2).sqrt() / trials**0.5
    exact = covariance(forward(parameters, sample, activation), keep_prob)[0]
    errors = (sampled - exact) / spread
    assert errors.abs().max() < stats.norm.isf(0.5e-4 / errors.numel())
