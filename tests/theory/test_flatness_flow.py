"""The trace and its derivative against Hessians, finite differences and an integrator of another kind."""

import itertools
from dataclasses import replace

import pytest
import torch
from scipy.integrate import solve_ivp
from torch.func import grad, hessian

from dropscape.theory.flatness_flow import (
    Networks,
    flowed,
    hidden,
    outputs,
    r1,
    relu_trace_derivative,
    risk,
    trace,
    trace_derivative,
)


def draw(activation="relu", networks=3, units=4, inputs=3, examples=5, seed=0, fitted=True, strength=0.25):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(networks, *shape, generator=generator, dtype=torch.float64)

    drawn = Networks(
        normal(units), normal(units, inputs), normal(examples, inputs), normal(examples),
        torch.full((networks,), strength, dtype=torch.float64), activation,
    )  # fmt: skip
    if not fitted:
        return drawn
    return Networks(drawn.a, drawn.w, drawn.x, outputs(drawn), drawn.strength, activation)


def one(networks, index, theta):
    """One network of the stack at the parameters ``theta`` = (a, w) in a row."""
    units, inputs = networks.w.shape[1:]
    a, w = theta[:units], theta[units:].reshape(units, inputs)
    part = slice(index, index + 1)
    return Networks(a[None], w[None], networks.x[part], networks.y[part], networks.strength[part], networks.activation)


def vector(networks, index):
    return torch.cat([networks.a[index], networks.w[index].flatten()])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_without_loss_it_is_the_trace_of_the_hessian_of_the_risk(activation):
    networks = draw(activation)
    assert risk(networks).tolist() == [0, 0, 0]
    for index in range(3):
        dense = hessian(lambda theta, index=index: risk(one(networks, index, theta))[0])(vector(networks, index))
        assert float(trace(networks)[index]) == pytest.approx(float(dense.trace()), rel=1e-12)


def test_r1_is_what_dropout_adds_to_the_expected_loss():
    networks, keep_prob = draw("tanh", fitted=False), 0.8
    unit_outputs = hidden(networks) * networks.a[:, None, :]
    expected = torch.zeros(3, dtype=torch.float64)
    for mask in itertools.product((0.0, 1.0), repeat=4):
        kept = torch.tensor(mask, dtype=torch.float64)
        probability = keep_prob ** sum(mask) * (1 - keep_prob) ** (4 - sum(mask))
        masked = (unit_outputs * kept / keep_prob).sum(-1)
        expected += probability * ((masked - networks.y) ** 2).mean(-1) / 2
    torch.testing.assert_close(r1(networks), expected - risk(networks), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("activation", "fitted"), [("relu", True), ("relu", False), ("tanh", True), ("tanh", False)])
def test_derivative_is_that_of_the_trace_along_the_flow(activation, fitted):
    networks = draw(activation, fitted=fitted, seed=1)
    exact = trace_derivative(networks)
    for index in range(3):
        theta = vector(networks, index)

        def loss(theta, index=index):
            return (risk(one(networks, index, theta)) + r1(one(networks, index, theta)))[0]

        velocity = -grad(loss)(theta)
        # Central differences of a smooth function: an error of order h^2, here some 1e-8.
        h = 1e-5
        ahead, behind = (trace(one(networks, index, theta + sign * h * velocity))[0] for sign in (1, -1))
        assert float((ahead - behind) / (2 * h)) == pytest.approx(float(exact[index]), rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_closed_form_of_relu_against_automatic_differentiation(seed):
    networks = draw(networks=10, units=7, inputs=2, examples=6, seed=seed, strength=0.1 * (seed + 1))
    torch.testing.assert_close(relu_trace_derivative(networks), trace_derivative(networks), rtol=1e-12, atol=0)
    assert (trace_derivative(networks) < 0).all()


def test_where_r1_has_no_gradient_the_trace_stays():
    networks = draw()
    dead = replace(networks, a=torch.zeros_like(networks.a))
    dead = Networks(dead.a, dead.w, dead.x, outputs(dead), dead.strength, "relu")
    assert trace_derivative(dead).tolist() == relu_trace_derivative(dead).tolist() == [0, 0, 0]


def test_tanh_can_become_sharper():
    """Beyond its inflection a falling weight makes tanh steeper, which the output weight counts squared."""
    tensor = torch.tensor
    networks = Networks(
        tensor([[2.0]]).double(), tensor([[[1.0]]]).double(), tensor([[[1.0]]]).double(),
        torch.tanh(tensor([[1.0]]).double()) * 2, tensor([1.0]).double(), "tanh",
    )  # fmt: skip
    assert float(risk(networks)) == 0
    assert float(trace_derivative(networks)) > 0
    # dT/dt = -s a^2 [2 h^2 h'^2 + 2 h h' (h h' + a^2 h' h'')] with h = tanh(1), by hand.
    h = float(torch.tanh(tensor(1.0).double()))
    slope, curve, a = 1 - h**2, -2 * h * (1 - h**2), 2.0
    by_hand = -(2 * a * slope**2 * a * h**2 + (2 * h * slope + 2 * a**2 * slope * curve) * a**2 * h * slope)
    assert float(trace_derivative(networks)) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_flow_against_an_adaptive_integrator(activation):
    networks = draw(activation, seed=5, fitted=False)
    time = torch.tensor([0.01, 0.02, 0.05], dtype=torch.float64)
    end = flowed(networks, time, 50)
    # A kink would cost either integrator its order.
    assert activation != "relu" or ((hidden(networks) > 0) == (hidden(end) > 0)).all()
    for index in range(3):

        def velocity(_, theta, index=index):
            theta = torch.tensor(theta)
            here = lambda theta: (risk(one(networks, index, theta)) + r1(one(networks, index, theta)))[0]  # noqa: E731
            return -grad(here)(theta).numpy()

        start = vector(networks, index).numpy()
        solved = solve_ivp(velocity, (0, float(time[index])), start, rtol=1e-10, atol=1e-12)
        assert vector(end, index).numpy() == pytest.approx(solved.y[:, -1], abs=1e-8)


def test_a_neuron_that_becomes_active_on_an_example_lifts_the_trace_at_once():
    """Why the trace need not fall over a finite time although it falls at every instant between kinks."""
    x = torch.tensor([[[1.0, 0.0], [-1.0, 0.2]]], dtype=torch.float64)
    w = torch.tensor([[[0.2, 0.99]]], dtype=torch.float64)  # w . x_2 = -0.002: R_1 turns w towards x_2
    a = torch.tensor([[1.0]], dtype=torch.float64)
    strength = torch.tensor([1.0], dtype=torch.float64)
    start = Networks(a, w, x, torch.relu(x @ w[0, 0]), strength, "relu")
    assert float(risk(start)) == 0 and float(trace_derivative(start)) < 0
    just_before, just_after = (flowed(start, torch.tensor([time], dtype=torch.float64), 20) for time in (1e-2, 4e-2))
    assert (hidden(just_before) > 0).sum() == 1 and (hidden(just_after) > 0).sum() == 2
    assert float(trace(just_before)) < float(trace(start)) < float(trace(just_after))
    jump = float(just_after.a[0, 0] ** 2 * (x[0, 1] ** 2).sum() / 2)
    assert float(trace(just_after) - trace(just_before)) == pytest.approx(jump, rel=0.05)
