import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.func import grad, jacrev

from benchmarks.covariance import covariance, from_vectors
from dropscape.equations import simulation as simulation_module
from dropscape.equations.activations import activation_called
from dropscape.equations.draws import Draws
from dropscape.equations.network import Sample, forward, losses_and_accuracies
from dropscape.equations.noise import noise
from dropscape.equations.simulation import Simulation, simulate
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.numerics.fits import power_law
from dropscape.training.checkpoint import Checkpoint
from tests.equations.networks import all_masks, close, curve, dropout_loss, expected_loss, problem

TANH = activation_called("tanh")
BASE = Simulation("tanh", 0.1, 4, (), (3, 4), keep_prob=0.7, method="dropout")


def reference(simulation, start, sample):
    """Every trial on its own, with drifts by automatic differentiation; the noise is tested elsewhere."""
    trials, units, outputs = start.a.shape
    keep_prob, rate, inner = simulation.keep_prob, simulation.learning_rate, simulation.inner_steps
    loss = expected_loss(sample, TANH, units, keep_prob)
    weight = rate / 4 if simulation.method == "order_2" else 0.0
    draws = Draws(simulation.seeds, trials, units, simulation.purpose, inner)
    drift = grad(lambda theta: loss(theta) + weight * grad(loss)(theta).square().sum())
    ends = []
    for trial, theta in enumerate(start.vectors()):
        for step in range(simulation.steps):
            if simulation.method == "descent":
                theta = theta - rate * drift(theta)
            elif simulation.method == "dropout":
                mask = draws.mask(step, keep_prob)[trial]
                theta = theta - rate * grad(lambda vector, m=mask: dropout_loss(vector, m, sample, TANH))(theta)
            else:
                for z, pairs in zip(draws.units(step), draws.pairs(step), strict=True):
                    at = theta - rate / inner / 2 * drift(theta) if simulation.scheme == "midpoint" else theta
                    passed = forward(from_vectors(at[None], units, outputs), sample, TANH)
                    drawn = noise(passed, z[trial, None], pairs[trial, None], keep_prob).vectors()[0]
                    theta = theta - rate / inner * drift(at) - math.sqrt(rate / inner * rate) * drawn
        ends.append(theta)
    return torch.stack(ends)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {"method": "dropout"},
        {"method": "dropout", "inner_steps": 3},
        {"method": "descent"},
        *[
            {"method": method, "scheme": scheme, "inner_steps": inner}
            for method, scheme, inner in itertools.product(
                ("order_1", "order_2"), ("euler_maruyama", "midpoint"), (1, 3)
            )
        ],
    ],
    ids=lambda changes: "-".join(str(value) for value in changes.values()),
)
def test_all_trials_at_once_are_each_trial_by_itself(changes, outputs):
    start, sample = problem(0, 4, outputs, trials=4)
    simulation = replace(BASE, **changes)
    close(simulate(simulation, start, sample).parameters.vectors(), reference(simulation, start, sample), 1e-10)


def test_one_step_of_the_equation_has_the_mean_and_the_covariance_of_dropouts_step(monkeypatch):
    """Euler-Maruyama with the training's own step, expanded in its normals, against all masks."""
    units, keep_prob, rate = 4, 0.6, 0.3
    start, sample = problem(1, units, 2)
    masks, probabilities = all_masks(units, keep_prob)
    above = torch.triu_indices(units, units, 1)
    count = 1 + units + above.shape[1]  # first all normals 0, then one of them 1
    z, pairs = torch.zeros(count, units).double(), torch.zeros(count, units, units).double()
    z[1 : 1 + units] = torch.eye(units)
    for trial, (r, j) in enumerate(above.T, 1 + units):
        pairs[trial, r, j] = pairs[trial, j, r] = 1

    class Every:
        def __init__(self, *_):
            pass

        def mask(self, *_):
            return masks

        def units(self, _):
            return z[None]

        def pairs(self, _):
            return iter([pairs])

    monkeypatch.setattr(simulation_module, "Draws", Every)
    one_step = Simulation("tanh", rate, 1, (), (0,), keep_prob=keep_prob, method="dropout")
    dropout = simulate(one_step, start.expanded(len(masks)), sample).parameters.vectors()
    mean = probabilities @ dropout
    equation = simulate(replace(one_step, method="order_1"), start.expanded(count), sample).parameters.vectors()
    close(equation[0], mean)
    columns = (equation[1:] - equation[0]).T
    close(columns @ columns.T, (dropout - mean).T @ (probabilities[:, None] * (dropout - mean)))
    close(columns @ columns.T, rate**2 * covariance(forward(start, sample, TANH), keep_prob)[0])


@pytest.mark.parametrize(("method", "order"), [("order_1", 1), ("order_2", 2)])
def test_without_noise_the_drifts_have_their_orders(method, order):
    """At keep_prob 1 dropout is gradient descent and the equation an ordinary one: no sampling error."""
    start, sample = curve()
    rates = [2.0**-power for power in range(3, 8)]
    errors = []
    for rate in rates:
        descent = Simulation("tanh", rate, round(1 / rate), (), (0,), method="dropout")
        flow = replace(descent, method=method, inner_steps=8, scheme="midpoint")
        ends = [simulate(one, start, sample).parameters.vectors() for one in (descent, flow)]
        errors.append(float((ends[0] - ends[1]).norm()))
    assert power_law(rates, errors).slope == pytest.approx(order, abs=0.1)
    assert np.log2(errors[-2] / errors[-1]) == pytest.approx(order, abs=0.03)


def test_the_flow_is_that_of_the_modified_loss():
    """The midpoint rule without noise against a small-step Runge-Kutta solution of an independent right-hand side."""
    start, sample = curve()
    flow = Simulation("tanh", 0.25, 4, (), (0,), method="order_2", inner_steps=16, scheme="midpoint")
    loss = expected_loss(sample, TANH, 3, 1.0)
    field = grad(lambda theta: -loss(theta) - 0.25 / 4 * jacrev(loss)(theta).square().sum())
    theta, h = start.vectors()[0], 0.01
    for _ in range(100):
        k1 = field(theta)
        k2 = field(theta + h / 2 * k1)
        k3 = field(theta + h / 2 * k2)
        theta = theta + h / 6 * (k1 + 2 * k2 + 2 * k3 + field(theta + h * k3))
    assert (simulate(flow, start, sample).parameters.vectors()[0] - theta).norm() < 2e-4


def test_history_holds_the_losses_at_its_steps():
    start, sample = problem(2, 4, 3, trials=4)
    test = problem(3, 1, 3, examples=5)[1]
    simulation = replace(BASE, method="order_1", steps=5, history=(0, 3, 5))
    result = simulate(simulation, start, sample, test)
    assert list(result.history.columns) == ["trial", "seed", "step", "norm", "loss", "test_loss", "test_accuracy"]
    assert result.history[["trial", "seed"]].iloc[:4].to_numpy().tolist() == [[0, 3], [1, 3], [2, 4], [3, 4]]
    for step in (0, 3, 5):
        there = simulate(replace(simulation, steps=step), start, sample).parameters
        rows = result.history[result.history["step"] == step]
        np.testing.assert_allclose(rows["norm"], there.vectors().norm(dim=1), rtol=1e-12)
        np.testing.assert_array_equal(rows["loss"], losses_and_accuracies(there, sample, TANH)[0])
        test_loss, test_accuracy = losses_and_accuracies(there, test, TANH)
        np.testing.assert_array_equal(rows["test_loss"], test_loss)
        np.testing.assert_array_equal(rows["test_accuracy"], test_accuracy)
    assert len(result.history) == 12
    without = simulate(simulation, start, sample).history
    np.testing.assert_array_equal(without["loss"], result.history["loss"])
    assert without[["test_loss", "test_accuracy"]].isna().all(axis=None)


def test_purposes_and_seeds_decide_what_is_drawn():
    start, sample = problem(4, 4, 1, trials=4)
    ends = simulate(BASE, start, sample).parameters.a
    assert torch.equal(simulate(BASE, start, sample).parameters.a, ends)
    assert not torch.equal(simulate(replace(BASE, purpose="other"), start, sample).parameters.a, ends)
    other = simulate(replace(BASE, seeds=(9, 4)), start, sample).parameters.a
    torch.testing.assert_close(other[2:], ends[2:], rtol=1e-13, atol=1e-15)
    assert not torch.allclose(other[:2], ends[:2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_start_is_left_alone_and_its_dtype_kept(dtype):
    start, sample = problem(5, 4, 2, trials=2, dtype=dtype)
    before = start.vectors().clone()
    for method in ("dropout", "order_2", "descent"):
        end = simulate(replace(BASE, method=method), start, sample).parameters
        assert end.a.dtype == end.w.dtype == dtype
        assert not torch.equal(end.vectors(), before)
    assert torch.equal(start.vectors(), before)


class Stop(Exception):
    pass


@pytest.mark.parametrize("method", ["dropout", "order_1", "order_2", "descent"])
def test_an_interrupted_simulation_goes_on_bit_by_bit(method, tmp_path):
    start, sample = problem(6, 4, 2, trials=4, dtype=torch.float32)
    start.a[1] *= 1e30  # diverges, so that NaN travels through the state too
    simulation = replace(BASE, method=method, steps=7, history=(0, 2, 3, 7), inner_steps=2, record_divergence=True)
    options = {"test": sample}
    whole = simulate(simulation, start, sample, **options)

    pending = [3, 6]

    def stop(step, _steps, **loss):
        if step in pending:
            pending.remove(step)
            raise Stop

    path = tmp_path / "state.safetensors"
    for _ in range(2):  # a state is saved after every step but the one that is stopped
        with pytest.raises(Stop):
            simulate(simulation, start, sample, checkpoint=Checkpoint(path, 0), progress=stop, **options)
    parts = simulate(simulation, start, sample, checkpoint=Checkpoint(path, 0), **options)
    torch.testing.assert_close(parts.parameters.vectors(), whole.parameters.vectors(), rtol=0, atol=0, equal_nan=True)
    assert torch.equal(parts.diverged, whole.diverged)
    assert parts.history.equals(whole.history)
    steps = []
    again = simulate(
        simulation, start, sample, checkpoint=Checkpoint(path, 0), progress=lambda *call: steps.append(call), **options
    )
    assert not steps and again.history.equals(whole.history)


@pytest.mark.parametrize("method", ["dropout", "order_1", "order_2", "descent"])
def test_divergence_names_what_diverged(method):
    start, sample = problem(7, 4, 2, trials=4, dtype=torch.float32)
    start.a[3] *= 1e25
    with pytest.raises(DivergenceError) as caught:
        simulate(replace(BASE, method=method, steps=30), start, sample)
    message = str(caught.value)
    for part in ("Trial 3 (seed 4)", method, "after step ", "learning_rate 0.1", "keep_prob 0.7"):
        assert part in message


def test_recorded_divergence_leaves_the_other_trials_alone():
    start, sample = problem(8, 4, 2, trials=4, dtype=torch.float32)
    calm = simulate(replace(BASE, steps=30, history=range(31)), start, sample, sample)
    assert (calm.diverged == -1).all() and calm.history.notna().all(axis=None)
    start.a[2] *= 1e25
    recorded = replace(BASE, steps=30, history=range(31), record_divergence=True)
    result = simulate(recorded, start, sample, sample)
    step = int(result.diverged[2])
    assert result.diverged.tolist() == [-1, -1, step, -1] and 1 <= step <= 30
    assert result.parameters.vectors()[2].isnan().all()
    others = [0, 1, 3]
    assert torch.equal(result.parameters.vectors()[others], calm.parameters.vectors()[others])
    history = result.history
    undefined = history["test_accuracy"].isna()
    assert undefined.equals((history["trial"] == 2) & (history["step"] >= step))
    kept = history["trial"] != 2
    assert history[kept].equals(calm.history[calm.history["trial"] != 2])
    # The step is the first one: up to it the simulation is still finite.
    shorter = simulate(replace(BASE, steps=step - 1), start, sample).parameters
    assert shorter.vectors().isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "sgd"}, "dropout, descent, order_1, order_2, drift_1, drift_2"),
        ({"scheme": "milstein"}, "euler_maruyama, midpoint"),
        ({"activation": "swish"}, "softplus"),
        ({"keep_prob": 0.0}, "KEPT"),
        ({"inner_steps": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_simulated_is_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        replace(BASE, **changes)


def test_weights_of_an_input_that_is_always_zero_do_not_move():
    start, sample = problem(0, 3, 1, trials=2)
    blank = Sample(sample.inputs.clone(), sample.targets)
    blank.inputs[:, 0] = 0
    end = simulate(replace(BASE, method="order_1"), start, blank).parameters
    assert torch.equal(end.w[..., 0], start.w[..., 0]) and not torch.equal(end.w[..., 1], start.w[..., 1])
