from dataclasses import replace

import pytest
import torch
from scipy import stats
from torch.func import grad, hessian, jvp

from dropscape.equations import simulation as module
from dropscape.equations.activations import activation_called
from dropscape.equations.draws import Draws
from dropscape.equations.network import forward
from dropscape.equations.noise import noise
from dropscape.equations.responses import responses
from dropscape.equations.simulation import Simulation, simulate
from tests.equations.networks import all_masks, close, curve, dropout_loss, expected_loss, problem

TANH = activation_called("tanh")


def linear_response(simulation, start, sample, trials):
    """Xi at the simulation's end."""
    ((first, _, _),) = responses(simulation, start, sample, trials, [simulation.steps])
    return first


DROPOUT = Simulation("tanh", 0.1, 5, (), (3,), keep_prob=0.8, method="dropout", inner_steps=2)


@pytest.mark.parametrize("method", ["dropout", "order_1"])
def test_it_is_the_linear_recursion(method):
    """With the dense Hessian, step by step, the noise of a mask by automatic differentiation."""
    start, sample = problem(0, 3, 2)
    simulation = replace(DROPOUT, method=method)
    draws = Draws((3,), 2, 3, "noise", 2)
    loss = expected_loss(sample, TANH, 3, 0.8)
    expected = []
    for trial in range(2):
        theta, xi = start.vectors()[0], torch.zeros_like(start.vectors()[0])
        for step in range(5):
            if method == "dropout":
                mask = draws.mask(step, 0.8)[trial]
                drawn = grad(lambda vector, m=mask: dropout_loss(vector, m, sample, TANH))(theta) - grad(loss)(theta)
            else:
                at = type(start)(theta.view(3, -1)[None, :, :2], theta.view(3, -1)[None, :, 2:])
                passed = forward(at, sample, TANH)
                parts = [
                    noise(passed, z[trial, None], pairs[trial, None], 0.8).vectors()[0]
                    for z, pairs in zip(draws.units(step), draws.pairs(step), strict=True)
                ]
                drawn = sum(parts) / 2**0.5
            xi = xi - 0.1 * (hessian(loss)(theta) @ xi + drawn)
            theta = theta - 0.1 * grad(loss)(theta)
        expected.append(xi)
    close(linear_response(simulation, start, sample, 2).vectors(), torch.stack(expected), 1e-10)
    # The start may also be given for every trial.
    each = linear_response(simulation, start.expanded(2), sample, 2)
    close(each.vectors(), torch.stack(expected), 1e-10)


def test_its_expectation_over_all_masks_of_all_steps_is_zero(monkeypatch):
    start, sample = curve()
    masks, probabilities = all_masks(3, 0.6)
    pairs = torch.cartesian_prod(torch.arange(8), torch.arange(8))

    class Every:
        def __init__(self, *_):
            pass

        def mask(self, step, _):
            return masks[pairs[:, step]]

    monkeypatch.setattr(module, "Draws", Every)
    response = linear_response(replace(DROPOUT, keep_prob=0.6, steps=2), start, sample, 64).vectors()
    weights = probabilities[pairs].prod(dim=1)
    assert (weights @ response).abs().max() < 1e-14
    assert (weights @ response.square()).sqrt().min() > 1e-3


@pytest.mark.parametrize("method", ["order_1", "order_2"])
def test_an_equations_response_has_mean_zero(method):
    start, sample = curve()
    response = linear_response(replace(DROPOUT, method=method), start, sample, 20_000).vectors()
    errors = response.mean(dim=0) / (response.std(dim=0) / len(response) ** 0.5)
    assert errors.abs().max() < stats.norm.isf(0.5e-4 / len(errors))


@pytest.mark.parametrize("method", ["dropout", "order_1", "order_2"])
def test_what_is_left_is_of_second_order_in_the_noise(method):
    """Over a fixed time the spread of the ends falls as the root of the learning rate, what is left as itself."""
    start, sample = curve()
    spreads, rests = [], []
    for rate in (1 / 8, 1 / 32):
        simulation = replace(DROPOUT, method=method, learning_rate=rate, steps=round(1 / rate), scheme="midpoint")
        ends = simulate(simulation, start.expanded(2000), sample).parameters
        rest = ends.add_scaled(linear_response(simulation, start, sample, 2000), -1.0)
        spreads.append(float(ends.vectors().var(dim=0).sum().sqrt()))
        rests.append(float(rest.vectors().var(dim=0).sum().sqrt()))
    assert spreads[0] / spreads[1] == pytest.approx(2.0, rel=0.2)
    assert rests[0] / rests[1] > 3.3
    assert rests[1] < 0.2 * spreads[1]


def test_dropouts_and_its_equations_have_one_covariance_and_the_path_is_that_of_descent():
    start, sample = curve()
    simulation = replace(DROPOUT, keep_prob=0.6, learning_rate=0.2)
    second = {}
    for method in ("dropout", "order_1"):
        rows, paths = [], []
        for response, _, descent in responses(replace(simulation, method=method), start, sample, 20_000, [2, 5]):
            rows.append(response.vectors())
            paths.append(descent.vectors())
        second[method] = rows[1].square().sum(dim=1)
        for step, found in zip((2, 5), paths, strict=True):
            descended = simulate(replace(simulation, method="descent", steps=step), start, sample).parameters
            close(found, descended.vectors(), 1e-12)
    means = [values.mean() for values in second.values()]
    error = sum(values.var() / 20_000 for values in second.values()) ** 0.5
    assert abs(means[0] - means[1]) < 4 * error and error < 0.02 * means[0]


@pytest.mark.parametrize("method", ["dropout", "order_1", "order_2"])
def test_what_the_second_response_leaves_is_of_third_order_in_the_noise(method):
    start, sample = curve()
    rests = []
    for rate in (1 / 8, 1 / 32):
        simulation = replace(DROPOUT, method=method, learning_rate=rate, steps=round(1 / rate), scheme="midpoint")
        ((first, second, _),) = responses(simulation, start, sample, 2000, [simulation.steps])
        ends = simulate(simulation, start.expanded(2000), sample).parameters
        rest = ends.add_scaled(first, -1.0).add_scaled(second, -1.0)
        rests.append(float(rest.vectors().var(dim=0).sum().sqrt()))
    assert rests[0] / rests[1] > 6  # 8 where the noise of third order leads


def test_the_second_response_has_one_expectation_along_dropout_and_its_equations():
    start, sample = curve()
    means = {}
    for method in ("dropout", "order_1"):
        simulation = replace(DROPOUT, method=method, keep_prob=0.6, learning_rate=0.2, steps=3)
        ((_, second, _),) = responses(simulation, start, sample, 40_000, [3])
        rows = second.vectors()
        means[method] = rows.mean(dim=0), rows.var(dim=0) / len(rows)
    difference = means["dropout"][0] - means["order_1"][0]
    errors = (means["dropout"][1] + means["order_1"][1]).sqrt()
    assert (difference / errors).abs().max() < stats.norm.isf(0.5e-4 / len(errors))
    assert (means["dropout"][0] / errors).abs().max() > 20


def test_the_second_response_is_its_recursion_by_automatic_differentiation():
    start, sample = problem(0, 3, 2)
    draws = Draws((3,), 2, 3, "noise", 2)
    loss = expected_loss(sample, TANH, 3, 0.8)
    expected = []
    for trial in range(2):
        theta = start.vectors()[0]
        xi, zeta = torch.zeros_like(theta), torch.zeros_like(theta)
        for step in range(4):
            mask = draws.mask(step, 0.8)[trial]

            def noise_at(vector, mask=mask):
                return grad(lambda v: dropout_loss(v, mask, sample, TANH))(vector) - grad(loss)(vector)

            def bent(vector, along=xi):
                return jvp(grad(loss), (vector,), (along,))[1]

            curved = jvp(bent, (theta,), (xi,))[1] / 2
            zeta = zeta - 0.1 * (hessian(loss)(theta) @ zeta + curved + jvp(noise_at, (theta,), (xi,))[1])
            xi = xi - 0.1 * (hessian(loss)(theta) @ xi + noise_at(theta))
            theta = theta - 0.1 * grad(loss)(theta)
        expected.append(zeta)
    ((_, second, _),) = responses(replace(DROPOUT, steps=4), start, sample, 2, [4])
    close(second.vectors(), torch.stack(expected), 1e-6)
