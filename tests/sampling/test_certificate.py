"""Certificates of sampled gradients: right ones pass, and each fault that they are there for is found."""

import pytest
import torch
from torch import nn

from dropscape.errors import CertificateError
from dropscape.models.fnn import FullyConnected
from dropscape.numerics.certificates import FAILED, PASSED, UNDECIDED
from dropscape.sampling import closed_form, modules
from dropscape.sampling.certificate import LIMIT_OF_DRIFT, drift_checks
from dropscape.sampling.gradients import dropout_gradients
from tests.dropout_models import MODELS, dropout_model

NAMES = ["distance to finite differences", "rounding", "standard errors between the means of the halves"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MODELS)
def test_right_gradients_pass_far_below_the_limits(name, dtype):
    model, block, inputs, targets, loss = dropout_model(name, 30)
    inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
    found = dropout_gradients(model.to(dtype), block, (inputs, targets), loss, samples=20).certificate
    assert found.verdict == PASSED and [check.name for check in found.checks] == NAMES
    assert all(check.value < check.limit / 5 for check in found.checks[:2])
    assert 8 <= found.examples < 30, "few of the examples, where there are few samples"


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
def test_closed_forms_pass(loss, mask_mode):
    torch.manual_seed(0)
    model, x = FullyConnected((20, 9, 8, 3), "tanh"), torch.rand(700, 20)
    y = torch.rand(700, 3) if loss == "mse" else torch.randint(3, (700,))
    options = {"samples": 30, "keep_prob": 0.7, "dropout_after": 1, "mask_mode": mask_mode}
    found = dropout_gradients(model, ["layers.1.weight"], (x, y), loss, **options).certificate
    assert found.verdict == PASSED and found.examples < 700
    assert [check.name for check in found.checks] == ["distance to autograd", *NAMES[1:]]
    assert found.checks[0].value < 1e-12 and found.checks[1].value < 1e-5


class _TooLong(torch.autograd.Function):
    """A layer whose author forgot one part in fifty of its derivative."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return 0.98 * gradient


class _Crooked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient.cumsum(dim=-1) / gradient.cumsum(dim=-1).norm() * gradient.norm()


@pytest.mark.parametrize("function", [_TooLong, _Crooked])
def test_a_layer_with_a_wrong_derivative_is_found(function):
    class Wrong(nn.Module):
        def forward(self, x):
            return function.apply(x)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), Wrong(), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 3))
    with pytest.raises(CertificateError, match=r"gradient of 0\.weight under dropout is wrong: distance to finite"):
        dropout_gradients(model, "0.weight", (torch.rand(50, 4), torch.randint(3, (50,))), samples=5)


def test_a_wrong_closed_form_is_found(monkeypatch):
    right = closed_form._BACKWARD["tanh"]
    monkeypatch.setitem(closed_form._BACKWARD, "tanh", lambda g, a: right(g, a).mul_(0.99))
    model, x, y = FullyConnected((4, 5, 4, 3), "tanh"), torch.rand(30, 4), torch.randint(3, (30,))
    with pytest.raises(CertificateError, match=r"layers\.1\.weight under dropout is wrong: distance to autograd is"):
        dropout_gradients(model, ["layers.1.weight"], (x, y), samples=5, keep_prob=0.5, dropout_after=1)


def test_masks_of_another_draw_are_found(monkeypatch):
    """The sampled row is compared with the loss under its own masks, so that a wrong draw shows."""
    in_force = modules.masks_in_force
    monkeypatch.setattr(
        modules, "masks_in_force", lambda model, masks, draw, start: in_force(model, masks, draw + 1, start)
    )
    model, block, inputs, targets, loss = dropout_model("recurrent", 30)
    with pytest.raises(CertificateError, match="distance to finite differences"):
        dropout_gradients(model, block, (inputs, targets), loss, samples=5)


def test_samples_that_rounding_destroyed_are_found():
    """Float32 keeps no digit of a loss whose outputs differ by less than it resolves."""

    class Cancelling(nn.Module):
        def forward(self, x):
            return (x + 1e7) - 1e7

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), Cancelling(), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 2))
    data = torch.rand(40, 3), torch.randint(2, (40,))
    with pytest.raises(CertificateError, match=r"rounding is .*or float64"):
        dropout_gradients(model, "0.weight", data, samples=3)
    found = dropout_gradients(model.double(), "0.weight", (data[0].double(), data[1]), samples=3)
    assert found.certificate.checks[1].verdict == PASSED and found.certificate.verdict != FAILED


def test_a_model_that_cannot_compute_in_float64_is_undecided():
    class Half(nn.Linear):
        def forward(self, x):
            return super().forward(x.bfloat16()).float()

    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), Half(3, 2).bfloat16())
    found = dropout_gradients(model, "0.weight", (torch.rand(4, 3), torch.tensor([0, 1, 0, 1])), samples=25)
    assert found.certificate.verdict == UNDECIDED and found.certificate.checks[-1].verdict == PASSED


@pytest.mark.parametrize("share", [1.0, 0.02])
def test_drift_is_found_and_nothing_else(share):
    """300 sets of independent samples, of which few may differ from the others, and one whose mean moves."""
    generator = torch.Generator().manual_seed(0)
    largest = 0.0
    for _ in range(300):
        rows = torch.randn(60, 50, generator=generator) + 5
        rows *= (torch.rand(60, 1, generator=generator) < share).float()
        largest = max(largest, drift_checks(rows)[0].value)
    assert 1.5 < largest < LIMIT_OF_DRIFT
    rows = torch.randn(400, 50, generator=generator)
    rows[200:] += 0.8
    assert drift_checks(rows)[0].verdict == FAILED
    assert drift_checks(torch.ones(40, 5))[0].value == 0 and not drift_checks(torch.rand(19, 5))
    assert drift_checks(torch.eye(2)[torch.arange(40) // 20])[0].verdict == FAILED
