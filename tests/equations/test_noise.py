"""The noise is linear in its normals, so its covariance is known exactly from its columns."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.covariance import covariance
from dropscape.equations.activations import ACTIVATIONS, activation_called
from dropscape.equations.draws import Draws
from dropscape.equations.modified_loss import modified_gradient
from dropscape.equations.network import forward, gradient
from dropscape.equations.noise import dropout_gradient, mask_coefficients, noise, noisy_gradient
from tests.equations.networks import all_masks, close, enumerated_gradients, problem


def unit_normals(units):
    """One trial for each independent normal: it is 1 and all others are 0."""
    above = torch.triu_indices(units, units, 1)
    count = units + above.shape[1]
    z, pairs = torch.zeros(count, units).double(), torch.zeros(count, units, units).double()
    z[:units] = torch.eye(units)
    for column, (r, j) in enumerate(above.T, units):
        pairs[column, r, j] = pairs[column, j, r] = 1
    return z, pairs


def columns(parameters, sample, activation, keep_prob):
    """The linear map from the normals to the noise of one trial, (D, m (m + 1) / 2)."""
    z, pairs = unit_normals(parameters.a.shape[1])
    return noise(forward(parameters.expanded(len(z)), sample, activation), z, pairs, keep_prob).vectors().T


@settings(max_examples=30)
@given(
    st.integers(0, 1000),
    st.integers(1, 6),
    st.integers(1, 4),
    st.floats(0.05, 1.0),
    st.sampled_from(list(ACTIVATIONS)),
)
def test_covariance_of_the_noise_is_the_closed_form(seed, units, outputs, keep_prob, name):
    parameters, sample = problem(seed, units, outputs)
    activation = activation_called(name)
    matrix = columns(parameters, sample, activation, keep_prob)
    exact = covariance(forward(parameters, sample, activation), keep_prob)[0]
    assert (matrix @ matrix.T - exact).abs().max() <= 1e-11 * max(exact.abs().max(), 1e-300)


@pytest.mark.parametrize("outputs", [1, 3])
def test_noise_is_linear_in_its_normals(outputs):
    parameters, sample = problem(1, 5, outputs)
    activation = activation_called("tanh")
    matrix = columns(parameters, sample, activation, 0.4)
    (z,), pairs = Draws((3,), 1, 5, "test").units(0), next(Draws((3,), 1, 5, "test").pairs(0))
    above = torch.triu_indices(5, 5, 1)
    normals = torch.cat([z[0], pairs[0, above[0], above[1]]])
    drawn = noise(forward(parameters, sample, activation), z, pairs, 0.4).vectors()[0]
    close(drawn, matrix @ normals)


def test_the_diagonal_of_the_pairs_is_not_read():
    parameters, sample = problem(2, 4, 2)
    passed = forward(parameters, sample, activation_called("tanh"))
    z, pairs = torch.ones(1, 4).double(), torch.zeros(1, 4, 4).double()
    assert torch.equal(noise(passed, z, pairs, 0.5).w, noise(passed, z, pairs + torch.eye(4), 0.5).w)


@pytest.mark.parametrize("outputs", [1, 3])
def test_drawn_noise_has_mean_zero_and_the_covariance(outputs):
    """Each entry in units of its exact standard error; the largest below its Bonferroni level of 1e-4."""
    trials = 20_000
    parameters, sample = problem(3, 5, outputs)
    activation, keep_prob = activation_called("softplus"), 0.6
    draws = Draws((0,), trials, 5, "test")
    passed = forward(parameters, sample, activation)
    drawn = noise(passed, draws.units(0)[0], next(draws.pairs(0)), keep_prob).vectors()
    exact = covariance(passed, keep_prob)[0]
    variances = exact.diagonal()
    errors = [
        drawn.mean(dim=0) / (variances / trials).sqrt(),
        (drawn.T @ drawn / trials - exact) / ((exact**2 + variances.outer(variances)) / trials).sqrt(),
    ]
    for error in errors:
        assert error.abs().max() < stats.norm.isf(0.5e-4 / error.numel())


@settings(max_examples=15)
@given(
    st.integers(0, 1000),
    st.integers(1, 4),
    st.integers(1, 3),
    st.floats(0.1, 1.0),
    st.sampled_from(list(ACTIVATIONS)),
)
def test_a_step_and_its_fluctuation_are_those_of_autograd_for_every_mask(seed, units, outputs, keep_prob, name):
    parameters, sample = problem(seed, units, outputs)
    activation = activation_called(name)
    masks, probabilities = all_masks(units, keep_prob)
    expected = enumerated_gradients(parameters.vectors()[0], masks, sample, activation)
    each = parameters.expanded(len(masks))
    close(dropout_gradient(each, sample, activation, masks).vectors(), expected)
    passed = forward(parameters, sample, activation)
    fluctuation = gradient(passed, *mask_coefficients(masks, keep_prob)).vectors()
    size = expected.abs().max()
    assert (fluctuation - (expected - probabilities @ expected)).abs().max() <= 1e-11 * size


@pytest.mark.parametrize("outputs", [1, 2])
def test_noisy_gradient_is_the_sum(outputs):
    parameters, sample = problem(4, 5, outputs, trials=3)
    passed = forward(parameters, sample, activation_called("gelu"))
    draws = Draws((1,), 3, 5, "test")
    z, pairs = draws.units(0)[0], next(draws.pairs(0))
    kept = z.clone(), pairs.clone()
    together = noisy_gradient(passed, z, pairs, 0.3, 1.7)
    apart = modified_gradient(passed, 0.3).add_scaled(noise(passed, z, pairs, 0.3), 1.7)
    close(together.vectors(), apart.vectors())
    assert torch.equal(z, kept[0]) and torch.equal(pairs, kept[1])


def test_float32_rounds_as_float32_does():
    shape = {"units": 40, "outputs": 3, "examples": 60, "inputs": 20}
    draws = Draws((1,), 1, 40, "test")
    z, pairs = draws.units(0)[0], next(draws.pairs(0))
    exact, rounded = (
        noise(forward(*problem(5, **shape, dtype=dtype), activation_called("tanh")), z.to(dtype), pairs.to(dtype), 0.5)
        for dtype in (torch.float64, torch.float32)
    )
    assert rounded.w.dtype == torch.float32
    assert (rounded.vectors() - exact.vectors()).norm() < 1e-5 * exact.vectors().norm()
