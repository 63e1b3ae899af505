"""Interval flatness of convolutional and attentive modules against float64 forward passes of the whole model."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from dropscape.flatness import profile
from dropscape.flatness.interval import interval_flatness
from dropscape.models.block import block_vector
from dropscape.models.losses import output_loss
from dropscape.numerics.devices import Budget
from tests.toy_models import attentive, convolutional, mean_loss_of, mean_token_loss


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(profile, "FORWARD_BATCH_OF_OTHERS", Budget(4, 0))


@pytest.mark.parametrize("cache", [0, 2**30])
@pytest.mark.parametrize(
    ("build", "block", "loss"),
    [
        (convolutional, ("first.weight",), "cross_entropy"),
        (convolutional, ("stem.0.weight", "norm.bias"), "cross_entropy"),
        (attentive, ("query.weight", "read.weight"), mean_token_loss),
    ],
)
def test_crossings_are_the_first_ones(build, block, loss, cache, monkeypatch, small_batches):
    monkeypatch.setattr("dropscape.models.prefix_suffix.CACHE_BYTES", Budget(cache, 0))
    model, inputs, targets = build(dtype=torch.float64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    origin = block_vector(model, block)
    directions = normalize(
        torch.randn(2, len(origin), dtype=torch.float64, generator=torch.Generator().manual_seed(0)), dim=1
    )
    found = interval_flatness(
        model, block, (inputs, targets), directions=directions, factors=[1.05], loss=loss, max_width=1e3
    )
    chosen = loss if callable(loss) else output_loss(loss)
    mean_loss = mean_loss_of(model, block, inputs, targets, chosen)
    assert found.loss0 == pytest.approx(float(mean_loss(origin)), rel=1e-12)
    with torch.no_grad():
        for v, left, right in zip(directions, found.left[:, 0], found.right[:, 0], strict=True):
            for edge in (left, right):
                if np.isnan(edge):
                    far = [float(mean_loss(origin + sign * d * v)) for d in (1.0, 30.0, 1000.0) for sign in (-1, 1)]
                    assert min(far) < 1.05 * found.loss0
                    continue
                assert float(mean_loss(origin + edge * v)) == pytest.approx(1.05 * found.loss0, rel=1e-5)
                inside = [float(mean_loss(origin + share * edge * v)) for share in np.linspace(0.02, 0.98, 40)]
                assert max(inside) < 1.05 * found.loss0
    assert np.isfinite([found.left, found.right]).any()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
