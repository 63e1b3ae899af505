import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dropscape.equations import simulation as simulation_module
from dropscape.equations.network import Parameters
from dropscape.equations.simulation import Simulation
from dropscape.equations.weak_error import end_differences, weak_error
from dropscape.numerics.orders import convergence_order
from tests.equations.networks import curve

RATES = (1 / 4, 1 / 8, 1 / 16)


@pytest.mark.parametrize("size", [0.0, 0.3, 3.0])
@pytest.mark.parametrize(("trials", "entries"), [(10, 40), (30, 5)])
def test_the_square_is_unbiased_and_its_standard_error_is_right(size, trials, entries):
    generator = torch.Generator().manual_seed(1)
    mean = torch.randn(entries, generator=generator, dtype=torch.float64)
    mean *= size / mean.norm()
    scales = torch.linspace(0.1, 1.0, entries, dtype=torch.float64)
    estimates = [
        weak_error(mean + scales * torch.randn(trials, entries, generator=generator, dtype=torch.float64))
        for _ in range(4000)
    ]
    squared = np.array([estimate.squared for estimate in estimates])
    trace = float(scales.square().sum()) / trials
    # Exact for independent entries: 4 mu^T V mu + 2 tr(V^2) N/(N-1).
    variances = scales.square() / trials
    exact = math.sqrt(float(4 * mean.square() @ variances + 2 * variances.square().sum() * trials / (trials - 1)))
    assert abs(squared.mean() - size**2) < 4 * exact / math.sqrt(4000)
    assert squared.std() == pytest.approx(exact, rel=0.06)
    mean_square = np.mean([estimate.squared_error**2 for estimate in estimates])
    # The part that is due to the mean is never taken for negative, which counts where it is small.
    assert 0.97 * exact < math.sqrt(mean_square) < (1.03 if size == 3 else 1.45) * exact
    plain = np.mean([estimate.norm_of_mean**2 for estimate in estimates])
    assert plain == pytest.approx(size**2 + trace, abs=4 * exact / math.sqrt(4000))
    assert np.mean([estimate.sampling_error**2 for estimate in estimates]) == pytest.approx(trace, rel=0.02)


def test_norm_and_its_error_follow_from_the_square():
    differences = torch.tensor([[3.0, 4.1], [3.1, 3.9], [2.9, 4.0], [3.0, 4.0]])
    found = weak_error(differences)
    assert found.trials == 4
    assert found.norm_of_mean == pytest.approx(5.0, abs=1e-6)
    pairs = [differences[i] @ differences[j] for i in range(4) for j in range(4) if i != j]
    assert found.squared == pytest.approx(float(sum(pairs)) / 12, abs=1e-5)
    assert found.norm == pytest.approx(math.sqrt(found.squared))
    assert found.norm_error == pytest.approx(found.squared_error / (2 * found.norm))


def test_a_norm_that_is_lost_in_the_noise_is_undefined():
    found = weak_error(torch.tensor([[1.0], [-1.0], [0.5], [-0.5]]))
    assert found.squared < 0 and math.isnan(found.norm) and math.isnan(found.norm_error)


def test_too_few_trials_are_refused():
    with pytest.raises(ValueError, match="at least three"):
        weak_error(torch.zeros(2, 3))


def equation(method, rate, keep_prob=0.9, inner_steps=4, scheme="midpoint"):
    options = {"keep_prob": keep_prob, "method": method, "inner_steps": inner_steps, "scheme": scheme}
    return Simulation("tanh", rate, round(1 / rate), (), (0,), **options)


def errors_at_all_rates(method, trials=2000, **options):
    start, sample = curve()
    return [weak_error(end_differences(equation(method, rate, **options), start, sample, trials)) for rate in RATES]


@pytest.mark.parametrize(("method", "expected"), [("order_1", 1), ("order_2", 2)])
def test_theorem_1s_orders(method, expected):
    errors = errors_at_all_rates(method)
    order = convergence_order(RATES, [one.squared for one in errors], [one.squared_error for one in errors])
    assert order.sampling_error < 0.05
    # The largest of the rates still feels the next order.
    assert abs(order.fit.slope - expected) < 3 * order.sampling_error + 0.1


def test_without_its_noise_the_second_order_is_lost(monkeypatch):
    """The noise acts on the expectation at first order, so the orders above also judge the covariance."""
    with_noise = errors_at_all_rates("order_2", keep_prob=0.7)
    monkeypatch.setattr(
        simulation_module, "noise", lambda passed, *_: Parameters(*(torch.zeros_like(v) for v in passed.parameters))
    )
    without = errors_at_all_rates("order_2", keep_prob=0.7)
    ratios = [a.norm / b.norm for a, b in zip(without, with_noise, strict=True)]
    assert ratios[-1] > 3 and ratios == sorted(ratios)


def test_euler_maruyama_with_the_trainings_own_step_is_closer_than_the_equation_and_shows_no_order():
    own = errors_at_all_rates("order_1", inner_steps=1, scheme="euler_maruyama")
    fine = errors_at_all_rates("order_1")
    for one, other in zip(own, fine, strict=True):
        assert one.norm_of_mean < other.norm / 10
    assert own[-1].squared < 3 * own[-1].squared_error


def test_coupling_and_linear_response_leave_the_expectation_and_take_the_spread_away():
    start, sample = curve()
    found = {
        (coupled, controlled): weak_error(
            end_differences(equation("order_1", 1 / 16), start, sample, 1000, coupled=coupled, controlled=controlled)
        )
        for coupled in (False, True)
        for controlled in (False, True)
    }
    best = found[True, True]
    for one in found.values():
        assert abs(one.squared - best.squared) < 4 * (one.squared_error + best.squared_error)
    spread = {key: one.sampling_error**2 for key, one in found.items()}
    assert spread[False, False] > 1.5 * spread[True, False]
    assert spread[False, False] > 30 * spread[False, True]
    assert spread[False, True] > 1.2 * spread[True, True]


def test_differences_are_drawn_batch_by_batch():
    start, sample = curve()
    one = replace(equation("order_1", 1 / 8), steps=2)
    rows = end_differences(one, start, sample, 70, batch=30)
    assert rows.shape == (70, 3 * 4) and rows.dtype == torch.float64
    assert torch.equal(rows[:30], end_differences(one, start, sample, 30, batch=30))
    assert len(rows.unique(dim=0)) == 70
