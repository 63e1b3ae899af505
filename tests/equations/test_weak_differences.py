import itertools

import pytest
import torch

from dropscape.equations.activations import activation_called
from dropscape.equations.simulation import Simulation, simulate
from dropscape.equations.test_functions import test_functions as functions_of
from dropscape.equations.weak_differences import weak_differences
from dropscape.equations.weak_error import weak_error
from dropscape.numerics.orders import convergence_order
from tests.equations.networks import curve

TANH = activation_called("tanh")
RATES = (1 / 4, 1 / 8, 1 / 16)
FUNCTIONS = ["mean", "second_moment", "spread", "risk", "cosine", "bounded"]


def dropout(rate, keep_prob=0.9, inner_steps=4, scheme="midpoint"):
    options = {"keep_prob": keep_prob, "method": "dropout", "inner_steps": inner_steps, "scheme": scheme}
    return Simulation("tanh", rate, round(1 / rate), (), (0,), **options)


def errors(methods, rate, trials=2000, **options):
    """The weak errors at the end, by method and function."""
    start, sample = curve()
    own = dropout(rate, **options)
    found = weak_differences(own, methods, start, sample, trials, [own.steps])
    return {(method, function): weak_error(rows) for (method, _, function), rows in found}


@pytest.fixture(scope="module")
def at_all_rates():
    return [errors(["order_1", "order_2", "drift_1", "drift_2", "descent"], rate, keep_prob=0.7) for rate in RATES]


def upper(error):
    """A norm that the expectation is likely below."""
    return (max(error.squared, 0.0) + 2 * error.squared_error) ** 0.5


@pytest.mark.parametrize("function", FUNCTIONS)
def test_theorem_1s_orders_for_every_test_function(function, at_all_rates):
    """A rate four times smaller makes errors four times (order 1) or sixteen times (order 2) smaller, or more."""
    for method, factor in (("order_1", 4), ("order_2", 16)):
        large, small = (at_all_rates[index][method, function] for index in (0, -1))
        if large.squared > 2 * large.squared_error:  # that of the risk is lost in the noise with order 2
            assert upper(small) < 1.5 * upper(large) / factor
    # The equation of order 2 is nearer than what has no noise.
    own = at_all_rates[-1]
    assert upper(own["order_2", function]) < own["drift_1", function].norm


def test_without_its_noise_the_second_order_is_lost(at_all_rates):
    """The noise acts on expectations at first order, so the orders above also judge the covariance."""

    def slope(method, function):
        own = [one[method, function] for one in at_all_rates]
        return convergence_order(RATES, [one.squared for one in own], [one.squared_error for one in own]).fit.slope

    for function in ("mean", "second_moment", "spread", "bounded"):
        assert slope("drift_2", function) < 1.6 and slope("order_2", function) > 1.9
    # Of order 1 the equation's drift is as good as the equation.
    assert slope("drift_1", "mean") > 0.9 and slope("descent", "mean") > 0.9


def test_euler_maruyama_with_the_trainings_own_step_is_of_second_order_whatever_the_equation():
    """A step of it has dropout's own mean and covariance, so that it says nothing of the equation of order 1."""
    own = [errors(["order_1"], rate, inner_steps=1, scheme="euler_maruyama")["order_1", "mean"] for rate in RATES]
    fine = [errors(["order_1"], rate)["order_1", "mean"] for rate in RATES]
    for one, other in zip(own, fine, strict=True):
        assert one.norm_of_mean < other.norm / 10
    order = convergence_order(RATES, [one.squared for one in own], [one.squared_error for one in own])
    assert order.fit.slope == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_coupling_and_expansion_leave_the_expectation_and_take_the_spread_away(function):
    start, sample = curve()
    own = dropout(1 / 16)
    found = {}
    for coupled, controlled in itertools.product((False, True), repeat=2):
        rows = weak_differences(own, ["order_1"], start, sample, 1000, [16], coupled=coupled, controlled=controlled)
        found[coupled, controlled] = weak_error(dict(rows)["order_1", 16, function])
    best = found[True, True]
    for one in found.values():
        assert abs(one.squared - best.squared) < 4 * (one.squared_error + best.squared_error)
    spread = {key: one.sampling_error**2 for key, one in found.items()}
    assert spread[False, False] > 1.2 * spread[True, False]
    assert min(spread[False, False], spread[True, False]) > 10 * spread[True, True]


def test_values_are_those_of_simulations_at_their_steps():
    """Uncoupled and without control variates: the plain difference of what ``simulate`` gives."""
    start, sample = curve()
    own = dropout(1 / 8)
    found = dict(weak_differences(own, ["order_2", "descent"], start, sample, 6, [3, 8], controlled=False))
    for method in ("order_2", "descent"):
        for step in (3, 8):
            ends = []
            for name in (method, "dropout"):
                options = vars(own) | {"method": name, "steps": step, "purpose": "noise/0"}
                ends.append(simulate(Simulation(**options), start.expanded(6), sample).parameters)
            for function, at in functions_of(start, start, sample, TANH).items():
                if function == "spread":  # which is about the point of descent at its step
                    continue
                torch.testing.assert_close(found[method, step, function], at.value(ends[0]) - at.value(ends[1]))


def test_differences_are_drawn_batch_by_batch():
    start, sample = curve()
    one = dropout(1 / 8)
    rows = dict(weak_differences(one, ["order_1"], start, sample, 70, [2], batch=30))["order_1", 2, "mean"]
    assert rows.shape == (70, 3 * 4) and rows.dtype == torch.float64
    first = dict(weak_differences(one, ["order_1"], start, sample, 30, [2], batch=30))["order_1", 2, "mean"]
    assert torch.equal(rows[:30], first)
    assert len(rows.unique(dim=0)) == 70
