"""Losses and means of the modified flow against the gradients that trainings descend, and against samples."""

import itertools

import pytest
import torch

from dropscape.dropout.layers import set_keep_prob
from dropscape.models.losses import squared_error_per_example
from dropscape.models.masked_fnn import MaskedFullyConnected
from dropscape.theory.modified_flow import Dropout, flow, gradient, mean_epoch, mean_iterate
from dropscape.training.micro_batches import Batches
from dropscape.training.objectives import OBJECTIVES, add_gradients

X = torch.tensor([-0.7, 0.2, 0.9], dtype=torch.float64)
Y = torch.tensor([0.4, -1.0, 0.3], dtype=torch.float64)
KEEP_PROB, RATE = 0.8, 0.05
MODES = ("shared", "per_example")


class Fixed:
    """Stands for ``ModuleMasks`` and for the stream of one layer."""

    def __init__(self, kept):
        self.shared, self.kept = len(kept) == 1, kept

    def mask(self, *_):
        return self.kept

    def stream(self, _):
        return self

    def masked(self, x, *_):
        return x * self.kept / KEEP_PROB


def parameters(networks=2):
    return torch.randn(networks, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def trained_gradient(theta, objective, masks):
    """The mean over masks of the gradient that a training takes, in the order w, b, a, c."""
    model = MaskedFullyConnected((1, 2, 1), "tanh").double()
    torch.nn.utils.vector_to_parameters(theta, model.parameters())
    set_keep_prob(model, KEEP_PROB)
    total = 0
    for kept in masks:
        model.zero_grad()
        batches = Batches(X[:, None], Y[:, None], 3)
        add_gradients(OBJECTIVES[objective], model, batches, squared_error_per_example, Fixed(kept > 0), 0, RATE)
        probability = KEEP_PROB ** float((kept > 0).sum()) * (1 - KEEP_PROB) ** float((kept == 0).sum())
        total = total + probability * torch.cat([one.grad.flatten() for one in model.parameters()])
    return total


@pytest.mark.parametrize("mode", MODES)
def test_losses_have_the_gradients_that_trainings_descend(mode):
    dropout, theta = Dropout.of(X, Y, 2, KEEP_PROB, mode), parameters()
    assert len(dropout.masks) == (4 if mode == "shared" else 64)
    assert float(dropout.probabilities.sum()) == pytest.approx(1)
    losses = {
        "dropout": dropout.mean_risk,
        "risk_plus_r1": dropout.risk_plus_r1,
        "dropout_plus_r2": lambda at: dropout.with_r2(at, RATE),
    }
    for objective, loss in losses.items():
        expected = torch.stack([trained_gradient(one, objective, dropout.masks) for one in theta])
        torch.testing.assert_close(gradient(loss, theta), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_r2_is_the_squared_mean_gradient_and_the_trace_of_the_covariance(mode):
    dropout, theta = Dropout.of(X, Y, 2, KEEP_PROB, mode), parameters()
    noisy = dropout.noisy_gradients(theta)
    deviation = noisy - gradient(dropout.risk_plus_r1, theta)[:, None]
    trace = deviation.square().sum(-1) @ dropout.probabilities
    difference = dropout.with_r2(theta, RATE) - dropout.with_square(theta, RATE)
    torch.testing.assert_close(difference, RATE / 4 * trace)


def test_independent_masks_leave_less_noise_than_shared_ones():
    """Why R_2 depends on the mask mode; without R_1 nothing else would."""
    theta = parameters(20)
    shared, own = (Dropout.of(X, Y, 2, KEEP_PROB, mode) for mode in MODES)
    torch.testing.assert_close(shared.risk_plus_r1(theta), own.risk_plus_r1(theta))
    traces = [(one.with_r2(theta, RATE) - one.with_square(theta, RATE)).mean() for one in (shared, own)]
    assert traces[1] < 0.8 * traces[0]


def test_mean_iterates_are_those_of_all_sequences_of_masks():
    dropout, theta = Dropout.of(X, Y, 2, 0.5, "shared"), parameters()

    def descended(order):
        end = theta
        for index in order:
            end = end - RATE * dropout.noisy_gradients(end)[:, index]
        return end

    every = torch.stack([descended(order) for order in itertools.product(range(4), repeat=3)]).mean(0)
    torch.testing.assert_close(mean_iterate(dropout, theta, RATE, 3), every)
    once = torch.stack([descended(order) for order in itertools.permutations(range(4))]).mean(0)
    torch.testing.assert_close(mean_epoch(dropout, theta, RATE), once)


def test_the_flow_of_a_parabola_is_an_exponential():
    rates = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    start = torch.ones(4, 3, dtype=torch.float64)
    end = flow(lambda at: (rates * at.square()).sum(-1) / 2, start, 0.2)
    torch.testing.assert_close(end, torch.exp(-0.2 * rates).expand(4, 3), rtol=1e-6, atol=0)
