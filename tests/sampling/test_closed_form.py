"""Dropout gradients against autograd with the same masks, enumeration, and a loop over nn.Dropout."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from dropscape.dropout.masks import LayerMasks
from dropscape.errors import ConfigurationError
from dropscape.models.fnn import FullyConnected
from dropscape.sampling import closed_form
from dropscape.sampling.closed_form import DropoutGradient, closed_form_gradients

KEEP = 0.8


def network(widths, activation="relu", dtype=torch.float64, seed=0):
    torch.manual_seed(seed)
    return FullyConnected(widths, activation).to(dtype)


def data(model, n, loss, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, model.widths[0], generator=generator).to(model.layers[0].weight.dtype)
    if loss == "mse":
        return x, torch.randn(n, model.widths[-1], generator=generator).to(x.dtype)
    return x, torch.randint(model.widths[-1], (n,), generator=generator)


def autograd_gradient(model, block, x, y, mask, keep_prob, dropout_after, loss):
    """The definition: the loss with the mask in the forward pass, differentiated."""
    f = x
    for number, layer in enumerate(model.layers, 1):
        f = layer(f)
        if number < model.depth:
            f = model.activate(f)
        if number == dropout_after:
            f = f * mask.T / keep_prob
    value = F.cross_entropy(f, y) if loss == "cross_entropy" else ((f - y) ** 2).sum() / (2 * len(x))
    parameters = dict(model.named_parameters())
    pieces = torch.autograd.grad(value, [parameters[name] for name in block])
    return torch.cat([piece.reshape(-1) for piece in pieces])


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
@pytest.mark.parametrize("layer", [1, 2, 3, 4])
@pytest.mark.parametrize("dropout_after", [1, 2, 3])
def test_equals_autograd_with_the_same_masks(layer, dropout_after, activation, loss, monkeypatch):
    """Every position of block and mask, several chunks of unequal size, float64: equal up to rounding."""
    monkeypatch.setattr(closed_form, "_columns", lambda n, *_: [slice(0, 7), slice(7, 15), slice(15, n)])
    model = network((6, 5, 7, 4, 3), activation)
    x, y = data(model, 23, loss)
    block = (f"layers.{layer - 1}.weight", f"layers.{layer - 1}.bias")
    for mode, with_bias in itertools.product(("per_example", "shared"), (True, False)):
        names = block if with_bias else block[:1]
        options = {"keep_prob": KEEP, "dropout_after": dropout_after, "loss": loss}
        ours = closed_form_gradients(model, names, x, y, samples=3, seed=4, mask_mode=mode, **options)
        masks = LayerMasks(KEEP, (model.widths[dropout_after], 23), 4, "sampling", "gradients", mode)
        for sample, row in enumerate(ours):
            expected = autograd_gradient(model, names, x, y, masks.mask(sample), **options)
            torch.testing.assert_close(row, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dropout_after", [1, 2])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_float32_rounds_no_worse_than_autograd(dropout_after, activation):
    """With the real chunking; both in float32, judged by float64 autograd."""
    model = network((20, 50, 50, 10), activation, torch.float32)
    x, y = data(model, 3000, "cross_entropy")
    block, options = ("layers.1.weight",), {"keep_prob": KEEP, "dropout_after": dropout_after}
    ours = closed_form_gradients(model, block, x, y, samples=1, seed=0, **options)[0]
    assert ours.dtype == torch.float32
    mask = LayerMasks(KEEP, (50, 3000), 0, "sampling", "gradients").mask(0)
    options["loss"] = "cross_entropy"
    theirs = autograd_gradient(model, block, x, y, mask, **options)
    exact = autograd_gradient(model.double(), block, x.double(), y, mask, **options)
    ours_error, theirs_error = ((g.double() - exact).norm() / exact.norm() for g in (ours, theirs))
    assert ours_error < 2 * theirs_error
    assert ours_error < 1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 3), st.integers(1, 3), st.booleans(), st.floats(0.05, 1.0))
def test_any_number_of_examples_and_keep_probability(n, layer, dropout_after, shared, keep_prob):
    model = network((4, 3, 5, 2, 3))
    x, y = data(model, n, "cross_entropy")
    block, mode = (f"layers.{layer}.weight",), "shared" if shared else "per_example"
    options = {"keep_prob": keep_prob, "dropout_after": dropout_after, "loss": "cross_entropy"}
    ours = closed_form_gradients(model, block, x, y, samples=1, seed=n, mask_mode=mode, **options)[0]
    shape = (model.widths[dropout_after], n)
    mask = LayerMasks(keep_prob, shape, n, "sampling", "gradients", mode).mask(0)
    torch.testing.assert_close(ours, autograd_gradient(model, block, x, y, mask, **options), rtol=1e-10, atol=1e-12)


def enumerated(model, block, x, y, dropout_after):
    """All masks' probabilities (M,) and gradients (M, P)."""
    gradient = DropoutGradient(model, block, x, y, keep_prob=KEEP, dropout_after=dropout_after)
    patterns = torch.tensor(list(itertools.product((False, True), repeat=model.widths[dropout_after] * len(x))))
    kept = patterns.sum(dim=1).double()
    probability = KEEP**kept * (1 - KEEP) ** (patterns.shape[1] - kept)
    values = torch.stack([gradient(pattern.view(gradient.mask_shape)) for pattern in patterns])
    return probability, values


def naive_samples(model, block, x, y, dropout_after, samples):
    """The obvious way: the model with nn.Dropout in training mode, one backward pass a sample."""
    modules = []
    for number, layer in enumerate(model.layers, 1):
        modules += [layer, nn.ReLU()] if number < model.depth else [layer]
        modules += [nn.Dropout(1 - KEEP)] if number == dropout_after else []
    trained = nn.Sequential(*modules).train()
    parameters = [dict(model.named_parameters())[name] for name in block]
    torch.manual_seed(3)
    rows = [torch.autograd.grad(F.cross_entropy(trained(x), y), parameters) for _ in range(samples)]
    return torch.stack([torch.cat([piece.reshape(-1) for piece in row]) for row in rows])


@pytest.mark.parametrize("dropout_after", [1, 2])
def test_mean_and_covariance_are_those_of_all_masks_and_of_nn_dropout(dropout_after):
    """Both samples against the exact moments of the enumerated distribution.

    Each entry of the mean and of the covariance is compared in units of its exact standard error; the
    largest of them must be below the level that all stay under with probability 1 - 1e-4 (Bonferroni).
    """
    model = network((6, 4, 4, 3), seed=5)
    x, y = data(model, 3, "cross_entropy")
    block = ("layers.1.weight",)
    probability, values = enumerated(model, block, x, y, dropout_after)
    assert abs(probability.sum() - 1) < 1e-12
    mean = probability @ values
    centred = values - mean
    covariance = (centred.T * probability) @ centred
    fourth = (centred.square().T * probability) @ centred.square()
    options = {"keep_prob": KEEP, "dropout_after": dropout_after, "seed": 8}
    ours = closed_form_gradients(model, block, x, y, samples=20_000, **options)
    naive = naive_samples(model, block, x, y, dropout_after, 4_000)
    moving = covariance.diagonal() > 1e-20 * covariance.diagonal().max()
    assert moving.sum() >= 8  # the others are dead units: constant in every sample
    for sample in (ours, naive):
        n = len(sample)
        torch.testing.assert_close(sample[0, ~moving], mean[~moving], rtol=1e-10, atol=1e-15)
        deviation = (sample - mean)[:, moving]
        mean_error = deviation.mean(dim=0) / (covariance.diagonal()[moving] / n).sqrt()
        exact = covariance[moving][:, moving]
        spread = ((fourth[moving][:, moving] - exact**2) / n).sqrt()
        covariance_error = ((deviation.T @ deviation / n - exact) / spread)[spread > 1e-6 * spread.max()]
        for error in (mean_error, covariance_error):
            assert error.abs().max() < stats.norm.isf(0.5e-4 / error.numel())
    assert ours.std(dim=0)[moving].min() > 0


def test_more_samples_continue_fewer_and_purposes_differ():
    model = network((6, 5, 4, 3), dtype=torch.float32)
    x, y = data(model, 11, "cross_entropy")
    options = {"keep_prob": KEEP, "dropout_after": 1, "seed": 2}
    block = ("layers.1.weight", "layers.1.bias")
    few, many = (closed_form_gradients(model, block, x, y, samples=n, **options) for n in (3, 7))
    assert many.shape == (7, 24)
    assert torch.equal(few, many[:3])
    other = closed_form_gradients(model, block, x, y, samples=3, purpose="held out", **options)
    assert not torch.equal(few, other)


def test_keeping_everything_is_the_plain_gradient_and_leaves_the_model_alone():
    model = network((6, 5, 4, 3))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x, y = data(model, 9, "cross_entropy")
    rows = closed_form_gradients(model, ("layers.1.weight",), x, y, keep_prob=1.0, dropout_after=1, samples=2, seed=0)
    expected = torch.autograd.grad(F.cross_entropy(model(x), y), model.layers[1].weight)[0].reshape(-1)
    torch.testing.assert_close(rows, expected.expand(2, -1), rtol=1e-12, atol=1e-15)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_progress_counts_up_to_all_samples():
    model = network((4, 3, 3, 2))
    x, y = data(model, 5, "cross_entropy")
    calls = []
    options = {"keep_prob": 0.5, "dropout_after": 1, "samples": 205, "seed": 0}
    closed_form_gradients(model, ("layers.1.weight",), x, y, progress=lambda *call: calls.append(call), **options)
    assert calls[-1] == (205, 205)
    assert 40 <= len(calls) <= 60
    assert calls == sorted(calls)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block": ("layers.1.bias",)}, "closed form is that of the weight of one layer"),
        ({"block": ("layers.0.weight", "layers.1.weight")}, "closed form is that of the weight of one layer"),
        ({"block": ("layers.9.weight",)}, "layers.9.weight"),
        ({"model": nn.Linear(3, 2)}, "FullyConnected"),
        ({"dropout_after": 3}, "1 to 2"),
        ({"dropout_after": 0}, "1 to 2"),
        ({"loss": "hinge"}, "cross_entropy"),
        ({"keep_prob": 0.0}, "KEPT"),
    ],
)
def test_what_is_not_supported_is_named(change, message):
    model = network((4, 3, 3, 2))
    x, y = data(model, 5, "cross_entropy")
    arguments = {"model": model, "block": ("layers.1.weight",), "keep_prob": 0.5, "dropout_after": 1} | change
    with pytest.raises(ConfigurationError, match=message):
        closed_form_gradients(inputs=x, targets=y, samples=1, seed=0, **arguments)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpu_equals_cpu_under_the_same_mask():
    model = network((20, 50, 50, 10))
    x, y = data(model, 500, "cross_entropy")
    options = {"keep_prob": KEEP, "dropout_after": 1}
    mask = LayerMasks(KEEP, (50, 500), 0, "test", "masks").mask(0)
    cpu, gpu = (
        DropoutGradient(model, ("layers.1.weight",), x, y, device=device, **options)(mask.to(device))
        for device in ("cpu", "cuda")
    )
    torch.testing.assert_close(gpu.cpu(), cpu, rtol=1e-10, atol=1e-13)
    rows = closed_form_gradients(model, ("layers.1.weight",), x, y, samples=2, seed=0, device="cuda", **options)
    assert rows.device.type == "cuda"
