import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.covariance import from_vectors
from dropscape.equations import network
from dropscape.equations.activations import ACTIVATIONS, activation_called
from dropscape.equations.network import Parameters, forward, gradient, losses_and_accuracies
from tests.equations.networks import close, normals, problem

TANH = activation_called("tanh")


def test_a_pass_is_the_network_with_biases():
    parameters, sample = problem(0, 5, 3, trials=2)
    passed = forward(parameters, sample, TANH)
    for trial in range(2):
        a, w = parameters.a[trial], parameters.w[trial]
        hidden = torch.tanh(F.linear(sample.inputs[:, :-1], w[:, :-1], w[:, -1]))
        close(passed.hidden[trial], hidden.T)
        close(passed.residuals[trial], (F.linear(hidden, a.T) - sample.targets).T)
        close(passed.slopes[trial], 1 - hidden.T**2)


def test_vectors_hold_one_unit_after_the_other():
    parameters, _ = problem(0, 4, 2, trials=3)
    vectors = parameters.vectors()
    assert vectors.shape == (3, 4 * 5)
    assert torch.equal(vectors[1, 5:10], torch.cat([parameters.a[1, 1], parameters.w[1, 1]]))
    back = from_vectors(vectors, 4, 2)
    assert torch.equal(back.a, parameters.a) and torch.equal(back.w, parameters.w)


def autograd_gradient(parameters, sample, activation, own, cross):
    """Unit r's gradient of sum_i g_ri . c_ri / n, where c_ri = own_r e_i + sum_j cross_rj g_ji is held fixed."""
    a, w = (value.clone().requires_grad_() for value in parameters)
    shares = activation.value(w @ sample.inputs.T)[..., None] * a[:, :, None]  # (T, m, n, k)
    errors = shares.sum(1) - sample.targets
    fixed = own[..., None, None] * errors[:, None] + torch.einsum("trj,tjnk->trnk", cross, shares)
    total = (shares * fixed.detach()).sum() / len(sample.inputs)
    return Parameters(*torch.autograd.grad(total, (a, w)))


@settings(max_examples=25)
@given(
    st.integers(0, 1000), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.sampled_from(list(ACTIVATIONS))
)
def test_gradient_is_its_definition(seed, units, outputs, trials, name):
    parameters, sample = problem(seed, units, outputs, trials)
    activation = activation_called(name)
    generator = torch.Generator().manual_seed(seed)
    own, cross = normals(generator, trials, units), normals(generator, trials, units, units)
    passed = forward(parameters, sample, activation)
    for coefficients in (cross, None):
        expected = autograd_gradient(
            parameters, sample, activation, own, torch.zeros_like(cross) if coefficients is None else cross
        )
        close(gradient(passed, own, coefficients).vectors(), expected.vectors())


@pytest.mark.parametrize("outputs", [1, 3])
def test_many_coefficients_at_one_pass_are_as_many_gradients(outputs):
    parameters, sample = problem(1, 4, outputs)
    generator = torch.Generator().manual_seed(0)
    own, cross = normals(generator, 5, 4), normals(generator, 5, 4, 4)
    one = forward(parameters, sample, TANH)
    many = forward(parameters.expanded(5), sample, TANH)
    for coefficients in (cross, None):
        close(gradient(one, own, coefficients).vectors(), gradient(many, own, coefficients).vectors())


@pytest.mark.parametrize("outputs", [1, 3])
def test_losses_and_accuracies_are_means_over_the_examples_however_they_are_cut(outputs, monkeypatch):
    parameters, sample = problem(2, 4, outputs, trials=3, examples=7)
    expected_losses, expected_accuracies = [], []
    for a, w in zip(*parameters, strict=True):
        values = torch.tanh(sample.inputs @ w.T) @ a
        expected_losses.append(((values - sample.targets) ** 2).sum() / 14)
        expected_accuracies.append((values.argmax(1) == sample.targets.argmax(1)).double().mean())
    for size in (1000, 3):
        monkeypatch.setattr(network, "CHUNK", size)
        losses, accuracies = losses_and_accuracies(parameters, sample, TANH)
        close(losses, torch.stack(expected_losses))
        if outputs > 1:
            assert torch.equal(accuracies, torch.stack(expected_accuracies))
        else:
            assert accuracies.isnan().all()


def test_float32_stays_float32():
    parameters, sample = problem(0, 4, 2, dtype=torch.float32)
    passed = forward(parameters, sample, TANH)
    drawn = gradient(passed, torch.ones(1, 4), torch.ones(1, 4, 4))
    assert drawn.a.dtype == drawn.w.dtype == torch.float32
