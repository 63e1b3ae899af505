import numpy as np
import pytest
import torch
from torch.func import hessian

from dropscape.equations import matrices
from dropscape.equations.activations import activation_called
from dropscape.equations.matrices_along import KEPT_LESS, measured
from dropscape.equations.merging import loss_gaps
from dropscape.equations.modified_loss import modified_loss
from dropscape.equations.network import Parameters, Sample, forward, gradient
from dropscape.equations.noise import dropout_gradient, mask_coefficients
from dropscape.equations.simulation import Simulation
from tests.equations.networks import all_masks, close, curve, enumerated_covariance, expected_loss, problem

TANH = activation_called("tanh")
KEEP = 0.7


def one_example(sample: Sample, index: int) -> Sample:
    return Sample(sample.inputs[index : index + 1], sample.targets[index : index + 1])


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("keep_prob", [0.4, 1.0])
def test_hessian_is_that_of_the_loss_under_all_masks(outputs, keep_prob):
    parameters, sample = problem(1, 4, outputs)
    expected = hessian(expected_loss(sample, TANH, 4, keep_prob))(parameters.vectors()[0])
    close(matrices.modified_hessian(forward(parameters, sample, TANH), keep_prob), expected)


@pytest.mark.parametrize("outputs", [1, 3])
def test_modified_loss_is_the_mean_loss_under_all_masks(outputs):
    parameters, sample = problem(2, 5, outputs)
    passed, enumerated = forward(parameters, sample, TANH), expected_loss(sample, TANH, 5, KEEP)
    expected = float(enumerated(parameters.vectors()[0]))
    assert matrices.expected_dropout_loss(passed, KEEP) == pytest.approx(expected, rel=1e-12)
    assert float(modified_loss(passed, KEEP)) == pytest.approx(expected, rel=1e-12)


def test_every_examples_gradient_adds_up_to_gradient():
    parameters, sample = problem(3, 4, 2)
    passed, (masks, _) = forward(parameters, sample, TANH), all_masks(4, KEEP)
    coefficients = mask_coefficients(masks, KEEP)
    close(matrices.example_gradients(passed, *coefficients).mean(dim=0), gradient(passed, *coefficients).vectors())


@pytest.mark.parametrize("outputs", [1, 3])
def test_covariances_are_those_under_all_masks_and_of_all_examples(outputs):
    parameters, sample = problem(4, 4, outputs)
    theta, passed = parameters.vectors()[0], forward(parameters, sample, TANH)
    parts = matrices.noise_parts(passed, KEEP)
    effects = parts.mean(dim=0)
    whole = enumerated_covariance(theta, sample, TANH, 4, KEEP)
    close(effects.mT @ effects, whole)
    assert matrices.noise_trace(passed, KEEP) == pytest.approx(float(whole.trace()), rel=1e-12)

    masks, probabilities = all_masks(4, KEEP)
    gradients = torch.stack(
        [
            dropout_gradient(parameters.expanded(len(masks)), one_example(sample, index), TANH, masks).vectors()
            for index in range(len(sample.inputs))
        ]
    )
    weights = probabilities.repeat(len(gradients)) / len(gradients)
    flat = gradients.flatten(0, 1)
    centred = flat - weights @ flat
    close(matrices.example_covariance(passed, KEEP, parts), centred.mT @ (weights[:, None] * centred))


def test_eq_17_is_the_papers_for_one_output():
    """Word by word: gradients of f and of each unit's share by automatic differentiation, one example after another."""
    parameters, sample = problem(5, 3, 1)
    a, w = (value[0] for value in parameters)
    s, own = (1 - KEEP) / KEEP, 1 + w.shape[1]
    order = torch.tensor([1, 2, 3, 4, 5, 0])
    hessians, covariances, shuffled = (torch.zeros(3 * own, 3 * own, dtype=torch.float64) for _ in range(3))
    numbers, outer = [], []
    for x, y in zip(sample.inputs, sample.targets, strict=True):
        shares = []
        for r in range(3):
            q = torch.cat([a[r], w[r]]).requires_grad_()
            share = q[0] * torch.tanh(q[1:] @ x)
            shares.append((share.detach(), torch.autograd.grad(share, q)[0]))
        error = sum(value for value, _ in shares) - y[0]
        numbers.append((error**2 + s * sum(value**2 for value, _ in shares), error**2))
        whole = torch.cat([slope for _, slope in shares])
        outer.append((torch.outer(whole, whole), s * torch.block_diag(*(torch.outer(d, d) for _, d in shares))))
    for index, (first, second) in enumerate(outer):
        hessians += (first + second) / 6
        covariances += (numbers[index][0] * first + numbers[index][1] * second) / 6
        other = numbers[order[index]]
        shuffled += (other[0] * first + other[1] * second) / 6
    found = matrices.eq_17(forward(parameters, sample, TANH), KEEP, order)
    close(found.hessian, hessians)
    close(found.covariance, covariances)
    close(found.shuffled, shuffled)


def test_eq_17_is_exact_for_the_hessian_where_nothing_is_curved():
    """With input weights of 0 the derivative of a share by its own weights is all of it, and so is the residual."""
    parameters, sample = problem(6, 3, 2)
    flat = Parameters(parameters.a, torch.zeros_like(parameters.w))
    passed = forward(flat, Sample(sample.inputs, torch.zeros_like(sample.targets)), TANH)
    exact, found = matrices.modified_hessian(passed, KEEP), matrices.eq_17(passed, KEEP, torch.arange(6)).hessian
    close(found, exact)


def test_measured_says_what_the_matrices_say():
    parameters, sample = problem(7, 4, 3, examples=30)
    passed = forward(parameters, sample, TANH)
    row = measured(passed, KEEP, 2, torch.Generator().manual_seed(0))
    covariance = enumerated_covariance(parameters.vectors()[0], sample, TANH, 4, KEEP)
    exact = matrices.modified_hessian(passed, KEEP)
    right = matrices.eq_17(passed, KEEP, torch.arange(30))
    assert row["trace"] == pytest.approx(float(covariance.trace()))
    assert row["trace_more_dropout"] == pytest.approx(matrices.noise_trace(passed, KEPT_LESS * KEEP))
    assert row["hessian_error"] == pytest.approx(float((right.hessian - exact).norm() / exact.norm()))
    angle = (right.covariance * covariance).sum() / (right.covariance.norm() * covariance.norm())
    assert row["covariance_cosine"] == pytest.approx(float(angle))
    values, vectors = torch.linalg.eigh(covariance)
    leading, along = torch.linalg.eigh(exact).eigenvectors[:, -2:], vectors[:, -2:]
    assert row["overlap"] == pytest.approx(float((leading.mT @ along).square().sum() / 2))
    order = np.argsort(np.argsort([float(v @ exact @ v) for v in vectors[:, values > 1e-10 * values[-1]].T]))
    assert row["rank"] == pytest.approx(np.corrcoef(order, np.arange(len(order)))[0, 1])
    assert row["loss_error"] < 1e-12 < row["risk_error"]
    assert row["covariance_shuffled_cosine"] != row["covariance_cosine"]


@pytest.mark.parametrize("method", ["one step", "two steps"])
def test_gaps_have_the_expectation_of_all_masks(method):
    """In units of their standard errors, below the level of 1e-4."""
    parameters, sample = curve()
    steps = {"one step": 1, "two steps": 2}[method]
    simulation = Simulation(
        activation="tanh", keep_prob=KEEP, learning_rate=0.25, steps=steps, history=(), seeds=(3,), method="dropout"
    )
    *_, (gap, risk_gap) = loss_gaps(simulation, parameters, sample, 20_000)
    ends, weights = parameters, torch.ones(1, dtype=torch.float64)
    masks, probabilities = all_masks(3, KEEP)
    for _ in range(steps):
        count = len(ends.a)
        ends = Parameters(*(value.repeat_interleave(len(masks), dim=0) for value in ends))
        weights = (weights[:, None] * probabilities).flatten()
        ends = ends.add_scaled(dropout_gradient(ends, sample, TANH, masks.repeat(count, 1)), -0.25)
    mean = weights @ modified_loss(forward(ends, sample, TANH), KEEP)
    for found, keep_prob in ((gap, KEEP), (risk_gap, 1.0)):
        path = parameters
        for _ in range(steps):
            ones = torch.ones(1, 3, dtype=torch.float64)
            beta = (1 - keep_prob) / keep_prob * torch.eye(3, dtype=torch.float64)[None]
            path = path.add_scaled(gradient(forward(path, sample, TANH), ones, beta), -0.25)
        expected = mean - modified_loss(forward(path, sample, TANH), KEEP)[0]
        assert abs(found.mean() - expected) < 4 * found.std() / 20_000**0.5
    plain = modified_loss(forward(ends, sample, TANH), KEEP)
    spread = (weights @ (plain - mean).square()).sqrt()
    assert gap.std() < 0.5 * spread  # what is taken off is most of the noise
