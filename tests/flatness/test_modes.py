"""Every measurement under what its caller computes under, and of models in half precision or with spare layers."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dropscape.curvature.hessian import block_hessian, hessian_products
from dropscape.errors import ConfigurationError
from dropscape.flatness.interval import interval_flatness
from dropscape.flatness.slices import loss_slice
from dropscape.sampling.gradients import dropout_gradients
from tests.models_of_people import Does, X, Y, assert_exact, mlp, seeded


@pytest.mark.parametrize("measured", [block_hessian, hessian_products])
def test_vectors_are_rows(measured):
    hessian = measured(seeded(mlp), "0.weight", (X, Y))
    rows = torch.randn(2, 30, generator=torch.Generator().manual_seed(1))
    assert torch.equal(hessian(rows.numpy()), hessian(rows))
    for wrong in (rows[0], rows[:, :29]):
        with pytest.raises(ConfigurationError, match=r"give rows of shape \(K, 30\)"):
            hessian(wrong)


def measured_of(model, data):
    """What each measurement gives, as one vector."""
    hessian = block_hessian(model, "0.weight", data)
    directions = torch.randn(4, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    widths = interval_flatness(model, "0.weight", data, directions=directions, factors=(1.001,)).right
    line = loss_slice(model, None, data, alphas=[0.0, 0.5]).table["loss"]
    products = hessian_products(model, "0.weight", data)(directions)
    rows = dropout_gradients(model, "0.weight", data, samples=2).samples
    parts = [hessian.matrix, torch.as_tensor(widths), torch.tensor(line), products, rows]
    return torch.cat([part.flatten().double() for part in parts])


@pytest.mark.parametrize("mode", ["no_grad", "inference_mode", "autocast", "float64 by default"])
def test_what_a_caller_computes_under_changes_nothing(mode):
    model = seeded(lambda: nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 3)).eval()).float()
    expected = measured_of(model, (X.float(), Y))
    assert int(expected.isfinite().sum()) > 900 + 2
    modes = {
        "no_grad": torch.no_grad,
        "inference_mode": torch.inference_mode,
        "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    }
    if mode in modes:
        with modes[mode]():
            found = measured_of(model, (X.float() * 1, Y + 0))
    else:
        torch.set_default_dtype(torch.float64)
        try:
            found = measured_of(model, (X.float(), Y))
        finally:
            torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_models_move_in_float32(dtype):
    """In half precision a step to a loss of 1.001 times as much would be rounded away."""
    model = seeded(mlp).to(dtype)
    exact, inputs = copy.deepcopy(model).double(), X.to(dtype)
    given = {"directions": block_hessian(exact, "0.weight", (inputs.double(), Y)).spectrum(), "factors": (1.001, 1.1)}
    found = interval_flatness(model, "0.weight", (inputs, Y), **given)
    expected = interval_flatness(exact, "0.weight", (inputs.double(), Y), **given)
    assert np.isfinite(expected.width).mean() > 0.3
    np.testing.assert_allclose(found.width, expected.width, rtol=1e-3)
    lines = [
        loss_slice(*of, alphas=[0.0, 1e-3]).table
        for of in ((model, None, (inputs, Y)), (exact, None, (inputs.double(), Y)))
    ]
    np.testing.assert_allclose(lines[0]["loss"], lines[1]["loss"], rtol=1e-6)


class Spare(nn.Module):
    """Has a layer that its forward never reads, as pretrained models do."""

    def __init__(self):
        super().__init__()
        self.layer, self.dropout, self.spare = nn.Linear(6, 3), nn.Dropout(0.5), nn.Linear(2, 1)

    def forward(self, x):
        return self.dropout(torch.tanh(self.layer(x)))


def test_parameters_that_nothing_reads_have_a_zero_hessian():
    model = seeded(Spare).eval()
    found = assert_exact(
        model,
        None,
        (X, Y),
        "cross_entropy",
        lambda: F.cross_entropy(model(X), Y) + 0 * sum(value.sum() ** 2 for value in model.spare.parameters()),
        [name for name, _ in model.named_parameters()],
    )
    assert not found.matrix[21:].any()
    assert not dropout_gradients(model, None, (X, Y), samples=2).samples[:, 21:].any()
    assert len(interval_flatness(model, None, (X, Y), directions=torch.eye(24)[:1]).width) == 1


@pytest.mark.parametrize(("outputs", "targets"), [(1, X[:, 0]), (2, torch.randn(12, 2, 3))])
def test_the_squared_error_of_outputs_of_any_shape(outputs, targets):
    made = Does(lambda x: x[:, 0]) if outputs == 1 else Does(lambda x: x.unflatten(1, (2, 3)))
    model = seeded(lambda: nn.Sequential(nn.Linear(6, 6), nn.Tanh(), made))
    assert_exact(model, "0.weight", (X, targets.double()), "mse", lambda: (model(X) - targets).square().sum() / 24)


def test_directions_that_are_not_finite_are_refused():
    """A search along one would never end."""
    with pytest.raises(ConfigurationError, match="directions hold numbers that are not finite"):
        interval_flatness(seeded(mlp), "0.weight", (X, Y), directions=torch.full((1, 30), torch.nan))
