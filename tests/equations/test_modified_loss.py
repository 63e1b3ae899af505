import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import grad, hessian

from dropscape.equations.activations import ACTIVATIONS, activation_called
from dropscape.equations.modified_loss import drift, hessian_product, modified_gradient
from dropscape.equations.network import forward, gradient, losses_and_accuracies
from dropscape.errors import ConfigurationError
from tests.equations.networks import close, expected_loss, problem

problems = st.tuples(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 3))
activations = st.sampled_from(list(ACTIVATIONS))
few = settings(max_examples=12)


def modified_loss(passed, keep_prob):
    """L_S of eq. (7), (T,)."""
    shares = passed.hidden.square().sum(-1) * passed.parameters.a.square().sum(-1)
    errors = passed.residuals.square().sum(dim=(1, 2))
    return (errors + (1 - keep_prob) / keep_prob * shares.sum(-1)) / (2 * len(passed.sample.inputs))


@few
@given(problems, st.floats(0.1, 1.0), activations)
def test_modified_loss_and_its_gradient_are_dropouts_expectation(shape, keep_prob, name):
    (seed, units, outputs), activation = shape, activation_called(name)
    parameters, sample = problem(seed, units, outputs, trials=2)
    loss = expected_loss(sample, activation, units, keep_prob)
    vectors = parameters.vectors()
    passed = forward(parameters, sample, activation)
    close(modified_loss(passed, keep_prob), torch.stack([loss(theta) for theta in vectors]))
    close(modified_gradient(passed, keep_prob).vectors(), torch.stack([grad(loss)(theta) for theta in vectors]))


@few
@given(problems, st.floats(0.1, 1.0), activations)
def test_hessian_product_is_the_dense_hessian_times_the_directions(shape, keep_prob, name):
    (seed, units, outputs), activation = shape, activation_called(name)
    parameters, sample = problem(seed, units, outputs)
    directions = problem(seed + 1, units, outputs, trials=3)[0]
    dense = hessian(expected_loss(sample, activation, units, keep_prob))(parameters.vectors()[0])
    expected = directions.vectors() @ dense
    shared = forward(parameters, sample, activation)
    close(hessian_product(shared, keep_prob, directions).vectors(), expected, 1e-10)
    each = forward(parameters.expanded(3), sample, activation)
    close(hessian_product(each, keep_prob, directions).vectors(), expected, 1e-10)


@few
@given(problems, st.floats(0.1, 1.0), st.floats(0.01, 1.0), st.sampled_from(["tanh", "gelu", "sigmoid", "softplus"]))
def test_drifts_are_the_gradients_of_theorem_1(shape, keep_prob, rate, name):
    (seed, units, outputs), activation = shape, activation_called(name)
    parameters, sample = problem(seed, units, outputs)
    loss = expected_loss(sample, activation, units, keep_prob)
    passed = forward(parameters, sample, activation)
    theta = parameters.vectors()[0]
    close(drift(passed, keep_prob, rate, 1).vectors()[0], grad(loss)(theta))
    second = grad(lambda vector: loss(vector) + rate / 4 * grad(loss)(vector).square().sum())(theta)
    close(drift(passed, keep_prob, rate, 2).vectors()[0], second, 1e-10)


def test_without_dropout_it_is_the_plain_risk():
    parameters, sample = problem(3, 4, 2, trials=2)
    activation = activation_called("tanh")
    passed = forward(parameters, sample, activation)
    close(modified_loss(passed, 1.0), losses_and_accuracies(parameters, sample, activation)[0])
    close(modified_gradient(passed, 1.0).vectors(), gradient(passed, torch.ones(2, 4).double()).vectors())


def test_float32_rounds_as_float32_does():
    parameters, sample = problem(4, 30, 3, examples=50, inputs=20)
    single = problem(4, 30, 3, examples=50, inputs=20, dtype=torch.float32)
    activation = activation_called("gelu")
    exact = drift(forward(parameters, sample, activation), 0.5, 0.1, 2)
    rounded = drift(forward(*single, activation), 0.5, 0.1, 2)
    assert rounded.w.dtype == torch.float32
    assert (rounded.vectors() - exact.vectors()).norm() < 1e-5 * exact.vectors().norm()


@pytest.mark.parametrize("keep_prob", [0.0, 1.5])
def test_an_impossible_keep_probability_is_refused(keep_prob):
    parameters, sample = problem(0, 2, 1)
    with pytest.raises(ConfigurationError, match="KEPT"):
        modified_gradient(forward(parameters, sample, activation_called("tanh")), keep_prob)
