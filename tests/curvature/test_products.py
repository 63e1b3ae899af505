"""Batched Hessian-vector products against dense double-precision autograd, on several kinds of modules."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, hessian

from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.products import HessianOperator
from dropscape.errors import ConfigurationError, RandomObjectiveError
from dropscape.models.block import block_vector, split_vector
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import output_loss
from dropscape.numerics.devices import Budget
from dropscape.numerics.memory import bytes_per_example
from tests import toy_models


class TinyAttention(nn.Module):
    """One encoder layer under a classifier; the attention kernel that torch picks has no second derivative."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, activation="gelu", batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.encoder(x).mean(dim=1))


def convolutional():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)).eval()


CASES = {
    "tanh": (lambda: FullyConnected((5, 4, 6, 3), "tanh"), ("layers.1.weight", "layers.1.bias"), (5,)),
    "whole relu": (
        lambda: FullyConnected((3, 4, 3)),
        ("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"),
        (3,),
    ),
    "two layers out of order": (
        lambda: FullyConnected((4, 3, 4, 3), "tanh"),
        ("layers.2.weight", "layers.1.bias"),
        (4,),
    ),
    "convolution": (convolutional, ("0.weight",), (1, 4, 4)),
    "attention": (TinyAttention, ("encoder.self_attn.in_proj_weight",), (3, 4)),
}


def example(case, n=14, loss="cross_entropy"):
    build, block, shape = CASES[case]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model, inputs = build(), torch.randn(n, *shape)
        targets = torch.randint(3, (n,)) if loss == "cross_entropy" else torch.randn(n, 3)
    return model, block, inputs, targets


def autograd_hessian(model, block, inputs, targets, loss):
    values = {
        name: value.double() if value.is_floating_point() else value for name, value in model.state_dict().items()
    }

    def mean_loss(vector):
        moved = values | split_vector(model, block, vector)
        return output_loss(loss)(functional_call(model, moved, (inputs.double(),)), _double(targets)).mean()

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return hessian(mean_loss)(block_vector(model, block).double())


def dense_hessian(model, block, inputs, targets, loss, dtype=torch.float32):
    return block_hessian(model, block, (inputs, targets), loss, dtype=dtype, method="products").matrix


def _double(values):
    return values.double() if values.is_floating_point() else values


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("case", CASES)
def test_dense_hessian_equals_autograd(case, loss):
    model, block, inputs, targets = example(case, loss=loss)
    reference = autograd_hessian(model, block, inputs, targets, loss)
    matrix = dense_hessian(model, block, inputs, targets, loss, torch.float64)
    torch.testing.assert_close(matrix, reference, rtol=1e-11, atol=1e-12)
    assert torch.equal(matrix, matrix.T)


@pytest.mark.parametrize("case", ["tanh", "convolution"])
def test_micro_batches_and_vector_batches_change_nothing_but_rounding(case, monkeypatch):
    model, block, inputs, targets = example(case)
    reference = autograd_hessian(model, block, inputs, targets, "cross_entropy")
    vectors = torch.randn(9, len(reference), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("dropscape.curvature.products.EXAMPLE_VECTORS", Budget(20, 0))
    for micro_batch in (None, 1, 5, 14, 1000):
        operator = HessianOperator(model, block, inputs, targets, "cross_entropy", torch.float64, micro_batch)
        torch.testing.assert_close(operator(vectors), vectors @ reference, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kept_bytes", [0, 2**30])
def test_graphs_kept_or_not_give_the_same_products(kept_bytes, monkeypatch):
    monkeypatch.setattr("dropscape.curvature.products.KEPT_BYTES", Budget(kept_bytes, 0))
    model, inputs, targets = toy_models.convolutional(n=10)
    block = ("first.weight", "second.weight", "norm.bias")
    reference = toy_models.autograd_hessian(model, block, inputs, targets, output_loss("cross_entropy"))
    operator = HessianOperator(model, block, inputs, targets, "cross_entropy", torch.float64, micro_batch=4)
    vectors = torch.randn(3, len(reference), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        torch.testing.assert_close(operator(vectors), vectors @ reference, rtol=1e-9, atol=1e-12)
    assert len(operator._gradients.kept) == (3 if kept_bytes else 0)


def test_pair_of_sentences():
    model, inputs, targets = toy_models.attentive()
    block = ("query.weight", "out.bias", "norm.weight")
    reference = toy_models.difference_hessian(model, block, inputs, targets, toy_models.mean_token_loss)
    matrix = dense_hessian(model, block, inputs, targets, toy_models.mean_token_loss, torch.float64)
    torch.testing.assert_close(matrix, reference, rtol=0, atol=1e-8 * float(reference.abs().max()))


def test_graph_size_counts_what_grows_with_the_examples():
    weight = torch.randn(30, 20, requires_grad=True)
    inputs = torch.randn(8, 20)
    # saved: the inputs for the product, and its result for the sine
    assert bytes_per_example(lambda chunk: (inputs[chunk].clone() @ weight.T).sin(), 8) == (20 + 30) * 4


def test_kept_graph_gives_the_same_products_again():
    model, block, inputs, targets = example("tanh")
    operator = HessianOperator(model, block, inputs, targets, "cross_entropy", torch.float64)
    vectors = torch.eye(operator.size, dtype=torch.float64)[:5]
    assert torch.equal(operator(vectors), operator(vectors))


def test_callable_loss_is_differentiated():
    model, block, inputs, targets = example("tanh", loss="mse")

    def quartic(outputs, wanted):
        return (outputs - wanted).pow(4).sum(dim=1)

    double = FullyConnected(model.widths, "tanh").double()
    double.load_state_dict(model.state_dict())

    def mean_loss(vector):
        outputs = functional_call(double, split_vector(double, block, vector), (inputs.double(),))
        return quartic(outputs, targets.double()).mean()

    reference = hessian(mean_loss)(block_vector(model, block).double()).detach()
    matrix = dense_hessian(model, block, inputs, targets, quartic, torch.float64)
    torch.testing.assert_close(matrix, reference, rtol=1e-11, atol=1e-12)


def test_loss_that_is_linear_in_the_block_has_no_curvature():
    model, _, inputs, targets = example("tanh", loss="mse")
    operator = HessianOperator(
        model, ("layers.2.bias",), inputs, targets, lambda outputs, wanted: (outputs * wanted).sum(dim=1)
    )
    assert torch.equal(operator(torch.ones(2, 3)), torch.zeros(2, 3))


def test_caller_is_left_as_it_was():
    model, block, inputs, targets = example("convolution")
    model[0].weight.grad = torch.ones_like(model[0].weight)
    model[4].weight.requires_grad_(False)
    model[2].train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    dense_hessian(model, block, inputs, targets, "cross_entropy")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert model[0].bias.grad is None
    assert model[0].weight.requires_grad and not model[4].weight.requires_grad
    assert [module.training for module in model] == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (nn.Dropout(0.2), r"layer '1' is a Dropout\(0.2\) in training mode"),
        (nn.BatchNorm1d(4), "reads the batch's statistics"),
        (nn.RReLU(), "two evaluations of the loss .* differ"),
    ],
)
def test_random_objective_is_refused_and_accepted_in_evaluation_mode(layer, sentence):
    model = nn.Sequential(nn.Linear(3, 4), layer, nn.Linear(4, 3))
    inputs, targets = torch.randn(8, 3), torch.randint(3, (8,))
    with pytest.raises(RandomObjectiveError, match=sentence):
        dense_hessian(model, ("0.weight",), inputs, targets, "cross_entropy")
    assert model.training
    dense_hessian(model.eval(), ("0.weight",), inputs, targets, "cross_entropy")


def test_dropout_that_drops_nothing_is_accepted():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.0), nn.Linear(4, 3))
    dense_hessian(model, ("0.bias",), torch.randn(8, 3), torch.randint(3, (8,)), "cross_entropy")


def test_loss_reduced_to_one_number_is_refused():
    model, block, inputs, targets = example("tanh")
    with pytest.raises(ConfigurationError, match="one value an example"):
        dense_hessian(model, block, inputs, targets, nn.functional.cross_entropy)
