"""Means over masks against all masks of a small network, each with its probability."""

import itertools
import math

import pytest
import torch

from dropscape.models.losses import squared_error_per_example
from dropscape.models.registry import initialised
from dropscape.sampling.ratio import loss_gradient_ratio

KEEP = 0.7


def setting(n=5):
    model = initialised({"name": "fnn", "widths": [2, 3, 2], "activation": "tanh"}, 0).double()
    generator = torch.Generator().manual_seed(0)
    return model, *(torch.randn(n, 2, generator=generator, dtype=torch.float64) for _ in range(2))


def enumerated(model, inputs, targets):
    """Exact means of the loss and of the squared gradient, and their standard deviations, over shared masks."""
    parameters = list(model.parameters())
    values, weights = [], []
    for kept in itertools.product((0.0, 1.0), repeat=3):
        mask = torch.tensor(kept, dtype=torch.float64) / KEEP
        outputs = model.layers[1](torch.tanh(model.layers[0](inputs)) * mask)
        loss = (outputs - targets).square().sum() / (2 * len(inputs))
        square = sum(float(one.square().sum()) for one in torch.autograd.grad(loss, parameters))
        values.append((float(loss.detach()), square))
        weights.append(math.prod(KEEP if one else 1 - KEEP for one in kept))
    values, weights = torch.tensor(values, dtype=torch.float64), torch.tensor(weights, dtype=torch.float64)
    mean = weights @ values
    return mean, (weights @ (values - mean).square()).sqrt()


def test_means_are_those_over_all_masks():
    """Within five standard errors of the means over 4,000 masks."""
    model, inputs, targets = setting()
    options = {"keep_prob": KEEP, "samples": 4000, "seed": 3, "mask_mode": "shared"}
    measured = loss_gradient_ratio(model, inputs, targets, squared_error_per_example, **options)
    mean, deviation = enumerated(model, inputs, targets)
    found = torch.tensor([measured["mean_loss"], measured["mean_squared_gradient"]], dtype=torch.float64)
    assert ((found - mean).abs() <= 5 * deviation / math.sqrt(4000)).all()
    assert (deviation > 0.1 * mean).all(), "masks would not matter"
    assert measured["ratio"] == pytest.approx(measured["mean_loss"] / measured["mean_squared_gradient"])


def test_keeping_everything_is_the_plain_loss_and_gradient_whatever_the_micro_batch():
    model, inputs, targets = setting()
    loss = (model(inputs) - targets).square().sum() / (2 * len(inputs))
    square = sum(float(one.square().sum()) for one in torch.autograd.grad(loss, list(model.parameters())))
    calls = []
    options = {"keep_prob": 1.0, "samples": 2, "seed": 0, "progress": lambda *call: calls.append(call)}
    for micro_batch in (2, 256):
        measured = loss_gradient_ratio(
            model, inputs, targets, squared_error_per_example, micro_batch=micro_batch, **options
        )
        assert measured["mean_loss"] == pytest.approx(float(loss.detach()), rel=1e-12)
        assert measured["mean_squared_gradient"] == pytest.approx(square, rel=1e-12)
    assert calls == [(1, 2), (2, 2)] * 2


def test_a_ratio_to_no_gradient_is_undefined():
    model, inputs, targets = setting()
    measured = loss_gradient_ratio(
        model, inputs, targets, lambda outputs, _: 0 * outputs.sum(dim=1) + 1, keep_prob=KEEP, samples=2, seed=0
    )
    assert (measured["mean_loss"], measured["mean_squared_gradient"]) == (pytest.approx(1), 0)
    assert math.isnan(measured["ratio"])
