"""Sampled gradients of anybody's model: all masks enumerated, torch's own dropout, and what is refused."""

import itertools
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from dropscape.curvature.hessian import block_hessian
from dropscape.dropout.layers import ModuleMasks, masks_in_force
from dropscape.errors import ConfigurationError
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import cross_entropy_per_example, training_loss
from dropscape.models.masked_fnn import MaskedFullyConnected
from dropscape.noise.alignment import alignment
from dropscape.noise.pca import covariance_spectrum
from dropscape.sampling.closed_form import closed_form_gradients
from dropscape.sampling.gradients import dropout_gradients
from dropscape.sampling.modules import prepared
from tests.dropout_models import MODELS, NamedInputs, dropout_model


def tiny(dtype=torch.float64):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Dropout(0.3), nn.Linear(3, 2), nn.Dropout(0.2)).to(dtype)
    return model, torch.randn(2, 2, dtype=dtype), torch.tensor([0, 1])


BLOCK = ("0.weight", "3.bias")


def enumerated(model, x, y):
    """Every mask's probability (M,) and gradient (M, P): 3 + 2 units of two examples."""
    parameters = [model.get_parameter(name) for name in BLOCK]
    weights, rows = [], []
    for bits in itertools.product((0.0, 1.0), repeat=10):
        kept = torch.tensor(bits, dtype=x.dtype)
        hidden, outputs = kept[:6].view(2, 3), kept[6:].view(2, 2)
        z = model[3](model[1](model[0](x)) * hidden / 0.7) * outputs / 0.8
        row = torch.autograd.grad(F.cross_entropy(z, y), parameters)
        rows.append(torch.cat([one.reshape(-1) for one in row]))
        shares = torch.cat([0.7 * hidden + 0.3 * (1 - hidden), 0.8 * outputs + 0.2 * (1 - outputs)], dim=1)
        weights.append(shares.prod())
    return torch.stack(weights), torch.stack(rows)


def torchs(model, block, inputs, targets, loss, samples):
    """The model with dropout in training mode, one backward pass a sample."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    parameters = [model.get_parameter(name) for name in block]
    torch.manual_seed(5)
    rows = [torch.autograd.grad(loss(model(inputs), targets).mean(), parameters) for _ in range(samples)]
    return torch.stack([torch.cat([one.reshape(-1) for one in row]) for row in rows])


def test_mean_and_covariance_are_those_of_all_masks_and_of_nn_dropout():
    """Entries of both in units of their exact standard errors, below what all stay under with probability 1 - 1e-4."""
    model, x, y = tiny()
    probability, values = enumerated(model, x, y)
    assert abs(probability.sum() - 1) < 1e-12
    mean = probability @ values
    centred = values - mean
    covariance = (centred.T * probability) @ centred
    fourth = (centred.square().T * probability) @ centred.square()
    ours = dropout_gradients(model, BLOCK, (x, y), samples=4_000, seed=1).samples
    theirs = torchs(model, BLOCK, x, y, cross_entropy_per_example, 3_000)
    assert covariance.diagonal().min() > 1e-4
    for sample in (ours, theirs):
        n, deviation = len(sample), sample - mean
        mean_error = deviation.mean(dim=0) / (covariance.diagonal() / n).sqrt()
        spread = ((fourth - covariance**2) / n).sqrt()
        covariance_error = (deviation.T @ deviation / n - covariance) / spread
        for error in (mean_error, covariance_error):
            assert error.abs().max() < stats.norm.isf(0.5e-4 / error.numel())


def test_the_result_says_what_was_sampled():
    model, x, y = tiny()
    found = dropout_gradients(model, BLOCK, (x, y), samples=40)
    assert found.samples.shape == (40, 8) and found.masks == 2
    assert found.keep_probs == {"2": 0.7, "4": 0.8} and found.method == "autograd"
    assert repr(found).startswith(
        "DropoutGradients(40 gradients of 8 parameters of 0.weight, 3.bias; method 'autograd'; masks 'per_example' of "
        "2 layers, keep probability 0.7, 0.8; passed on 2 examples: distance to finite differences "
    )
    assert np.array_equal(found.to_pandas(), found.samples) and np.array_equal(found, found.samples)
    assert np.asarray(found, dtype=np.float32).dtype == np.float32
    expected = torch.linalg.eigvalsh(torch.cov(found.samples.T, correction=0)).flip(0)
    torch.testing.assert_close(found.variances(), expected, rtol=1e-9, atol=1e-15)
    # As measurements take them.
    np.testing.assert_allclose(covariance_spectrum(found).eigenvalues, expected, rtol=1e-9, atol=1e-15)
    hessian = block_hessian(model.eval(), BLOCK, (x, y), dtype=torch.float64)
    assert alignment(hessian, found).trace_sigma == pytest.approx(float(expected.sum()))
    few = dropout_gradients(model, BLOCK, (x, y), samples=4)
    expected = torch.linalg.eigvalsh(torch.cov(few.samples.T, correction=0)).flip(0)[:3]
    torch.testing.assert_close(few.variances(), expected)
    assert torch.equal(few.samples, found.samples[:4])
    assert torch.equal(torch.from_numpy(few.plot().lines[0].get_ydata()), few.variances())


def test_keep_probabilities_may_be_others():
    model, x, y = tiny()
    found = dropout_gradients(model, BLOCK, (x, y), samples=3, keep_prob=(0.5, 1.0))
    assert found.keep_probs == {"2": 0.5}
    masked, _ = prepared(model, x, (0.5, 1.0))
    with masks_in_force(masked, ModuleMasks(0, "sampling", "gradients"), 2, 0):
        loss = F.cross_entropy(masked(x), y)
    row = torch.autograd.grad(loss, [masked.get_parameter(name) for name in BLOCK])
    torch.testing.assert_close(found.samples[2], torch.cat([one.reshape(-1) for one in row]), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", MODELS)
def test_each_kind_of_model_has_the_noise_of_its_training(name):
    """Against the model in training mode: means, and variances in the same sense, within their standard errors."""
    model, block, inputs, targets, loss = dropout_model(name)
    n = 400
    model.eval()
    ours = dropout_gradients(model, block, (inputs, targets), loss, samples=n, micro_batch=2).samples
    whole = dropout_gradients(model, block, (inputs, targets), loss, samples=3).samples
    torch.testing.assert_close(ours[:3], whole, rtol=1e-8, atol=1e-10)
    theirs = torchs(model, block, inputs, targets, loss, n)
    mean, other = ours.mean(dim=0), theirs.mean(dim=0)
    squares = [(sample - sample.mean(dim=0)).square() for sample in (ours, theirs)]
    variances = [one.mean(dim=0) for one in squares]
    moving = variances[1] > 1e-6 * variances[1].max()
    error = ((variances[0] + variances[1]) / n).sqrt()
    assert ((mean - other) / error)[moving].abs().max() < stats.norm.isf(0.5e-4 / len(mean))
    # The variances of all parameters together, of which one realisation has one value.
    totals = [one.sum(dim=1) for one in squares]
    error = sum(total.var() / n for total in totals).sqrt()
    assert abs(totals[0].mean() - totals[1].mean()) < 4 * error
    assert error < 0.15 * totals[1].mean(), "a noise of other strength would not be seen"


@pytest.mark.parametrize("as_batch", [True, False])
def test_a_model_with_named_inputs_and_an_output_with_fields(as_batch):
    torch.manual_seed(0)
    model = NamedInputs().double()
    batch = {"input_ids": torch.randint(7, (5, 3)), "attention_mask": torch.tensor([[1, 1, 1]] * 3 + [[1, 1, 0]] * 2)}
    labels = torch.randint(3, (5,))
    data = batch | {"labels": labels} if as_batch else DataLoader(
        TensorDataset(batch["input_ids"], batch["attention_mask"], labels), 2,
        collate_fn=lambda rows: dict(zip((*batch, "labels"), map(torch.stack, zip(*rows, strict=True)), strict=True)),
    )  # fmt: skip
    options = {"samples": 300, "forward": lambda network, given: network(**given).logits}
    found = dropout_gradients(model, model.value, data, **options)
    assert found.block == ("model.value.weight", "model.value.bias") and found.keep_probs == {"model.dropout": 0.7}
    parameters = list(model.value.parameters())
    rows = [torch.autograd.grad(F.cross_entropy(model(**batch).logits, labels), parameters) for _ in range(300)]
    theirs = torch.stack([torch.cat([one.reshape(-1) for one in row]) for row in rows])
    error = ((found.samples.var(dim=0) + theirs.var(dim=0)) / 300).sqrt()
    z = (found.samples.mean(dim=0) - theirs.mean(dim=0)) / error
    assert z.abs().max() < stats.norm.isf(0.5e-4 / len(z))
    totals = [(one - one.mean(dim=0)).square().sum(dim=1) for one in (found.samples, theirs)]
    assert abs(totals[0].mean() - totals[1].mean()) < 4 * sum(total.var() / 300 for total in totals).sqrt()


def test_of_a_tied_head_either_name_is_the_shared_table():
    model, _, inputs, targets, loss = dropout_model("gpt")
    one, other = (
        dropout_gradients(model, block, (inputs, targets), loss, samples=2) for block in ("tokens.weight", model.head)
    )
    assert torch.equal(one.samples, other.samples) and one.block == other.block == ("tokens.weight",)


@pytest.mark.parametrize("wrapper", [nn.DataParallel, torch.compile])
def test_wrapped_models_are_unwrapped(wrapper):
    model, x, y = tiny()
    found = dropout_gradients(wrapper(model), BLOCK, (x, y), samples=2)
    assert torch.equal(found.samples, dropout_gradients(model, BLOCK, (x, y), samples=2).samples)


def test_a_fully_connected_network_is_sampled_in_closed_form_where_there_is_one():
    torch.manual_seed(0)
    model, x, y = FullyConnected((4, 5, 4, 3)), torch.rand(20, 4), torch.randint(3, (20,))
    options = {"keep_prob": 0.7, "dropout_after": 2, "samples": 3, "seed": 4}
    for network in (model, MaskedFullyConnected.taken_from(model)):
        found = dropout_gradients(network, ["layers.1.weight"], (x, y), **options)
        expected = closed_form_gradients(model, ["layers.1.weight"], x, y, **options)
        assert torch.equal(found.samples, expected) and found.method == "closed form"
        assert found.keep_probs == {"dropouts.1": 0.7}
    for block, smoothing in ((["layers.0.weight", "layers.2.bias"], 0.0), (["layers.1.weight"], 0.1)):
        found = dropout_gradients(model, block, (x, y), training_loss("cross_entropy", y, smoothing), **options)
        assert found.method == "autograd" and found.keep_probs == {"dropouts.1": 0.7}
        kept = ModuleMasks(4, "sampling", "gradients").mask(2, "dropouts.1", 0.7, 0, (20, 4)) / 0.7
        value = F.cross_entropy(model.layers[2](model.hidden(x, 2) * kept), y, label_smoothing=smoothing)
        row = torch.autograd.grad(value, [model.get_parameter(name) for name in block])
        expected = torch.cat([one.reshape(-1) for one in row])
        torch.testing.assert_close(found.samples[2], expected, rtol=1e-4, atol=1e-6)


def test_a_weight_that_two_layers_share_has_the_gradient_of_both():
    torch.manual_seed(0)
    model, x, y = FullyConnected((4, 4, 4, 3)).double(), torch.rand(6, 4).double(), torch.randint(3, (6,))
    model.layers[1].weight = model.layers[0].weight
    options = {"keep_prob": 0.5, "dropout_after": 2, "samples": 1}
    found = dropout_gradients(model, ["layers.0.weight"], (x, y), **options)
    kept = ModuleMasks(0, "sampling", "gradients").mask(0, "dropouts.1", 0.5, 0, (6, 4)) / 0.5
    value = F.cross_entropy(model.layers[2](model.hidden(x, 2) * kept), y)
    expected = torch.autograd.grad(value, model.layers[0].weight)[0].reshape(1, -1)
    torch.testing.assert_close(found.samples, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_models_are_sampled_in_float32(dtype):
    model, x, y = tiny(torch.float32)
    expected = dropout_gradients(model, BLOCK, (x, y), samples=5).samples
    found = dropout_gradients(model.to(dtype), BLOCK, (x.to(dtype), y), samples=5).samples
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.01)


def test_one_layer_may_be_kept_in_half_precision():
    class Half(nn.Linear):
        def forward(self, x):
            return super().forward(x.bfloat16()).float()

    model, x, y = tiny(torch.float32)
    half = Half(3, 2)
    half.load_state_dict(model[3].state_dict())
    mixed = nn.Sequential(*model[:3], half.bfloat16(), model[4])
    found = dropout_gradients(mixed, BLOCK, (x, y), samples=5).samples
    torch.testing.assert_close(found, dropout_gradients(model, BLOCK, (x, y), samples=5).samples, rtol=0.05, atol=0.01)


class Uncalled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.dropout = nn.Linear(2, 2), nn.Dropout(0.5)

    def forward(self, x):
        return self.layer(x)


class InTraining(Uncalled):
    def forward(self, x):
        return self.dropout(self.layer(x)) if self.training else self.layer(x)


class LayerDrop(Uncalled):
    def forward(self, x):
        skipped = self.training and random.random() + np.random.rand() < 1  # noqa: NPY002
        return self.dropout(x if skipped else self.layer(x))


class OwnDropout(Uncalled):
    def forward(self, x):
        return F.dropout(self.layer(x), 0.5, self.training)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2)), {}, r"all gradients would be the same.*nn\.Dropout\(p\)"),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)), {}, r"no dropout layer with p > 0"),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), {"keep_prob": 1.0}, "keep everything; write a keep_prob"),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), {"keep_prob": (0.5, 0.5)}, "1 dropout layers"),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), {"samples": 0}, "samples is 0; write a whole number"),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), {"samples": 2.5}, "samples is 2.5; write a whole number"),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), {"micro_batch": 0}, "micro_batch is 0; write a whole number"),
        (
            nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)),
            {"keep_prob": {"1": 0.5}},
            "keep_prob is .*one for each dropout",
        ),
        (InTraining(), {}, "'dropout' is called 1 times in training mode and 0 times in evaluation mode"),
        (LayerDrop(), {}, r"\(LayerDrop\) draws random numbers in its own forward"),
        (Uncalled(), {}, r"calls none of the dropout layers \(dropout\)"),
        (OwnDropout(), {}, r"\(OwnDropout\) draws random numbers in its own forward"),
        (nn.Sequential(nn.Linear(2, 2)), {"dropout_after": 1}, "Sequential, not a FullyConnected; leave dropout_after"),
        (FullyConnected((2, 3, 2)), {}, "write dropout_after"),
        (MaskedFullyConnected((2, 3, 2)), {}, "keep everything"),
        (FullyConnected((2, 3, 2)), {"dropout_after": 1}, "keep_prob is None with dropout_after 1"),
        (FullyConnected((2, 3, 2)), {"dropout_after": 2, "keep_prob": 0.5}, "1 to 1"),
        (FullyConnected((2, 3, 2)), {"dropout_after": 1, "keep_prob": 1.0}, "keep everything"),
        (FullyConnected((2, 3, 2)), {"dropout_after": 1, "keep_prob": 0.0}, "KEPT"),
    ],
)
def test_what_would_give_equal_samples_or_does_not_fit_is_named(model, options, message):
    block = [next(name for name, _ in model.named_parameters())]
    with pytest.raises(ConfigurationError, match=message):
        dropout_gradients(model, block, (torch.rand(4, 2), torch.tensor([0, 1, 1, 0])), **{"samples": 2} | options)


def test_the_model_is_left_alone():
    model, block, inputs, targets, loss = dropout_model("convolutional")
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kinds, random = [type(module) for module in model.modules()], torch.get_rng_state()
    dropout_gradients(model, block, (inputs, targets), loss, samples=2)
    assert [type(module) for module in model.modules()] == kinds and torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
