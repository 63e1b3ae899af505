"""The Hessian of one dense layer by its pre-activations against dense float64 autograd."""

import pytest
import torch

from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.preactivations import preactivation_hessian
from dropscape.errors import ConfigurationError
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import output_loss
from dropscape.numerics.devices import Budget
from tests.toy_models import attentive, autograd_hessian, convolutional, mean_token_loss


@pytest.mark.parametrize(
    "block", [("query.weight",), ("query.weight", "query.bias"), ("out.weight",), ("read.weight",)]
)
def test_equals_autograd_on_sentences(block):
    model, inputs, targets = attentive()
    reference = autograd_hessian(model, block, inputs, targets, mean_token_loss)
    found = block_hessian(model, block, (inputs, targets), mean_token_loss, dtype=torch.float64)
    assert found.method == "preactivations"
    assert torch.equal(found.matrix, found.matrix.T)
    torch.testing.assert_close(found.matrix, reference, rtol=1e-9, atol=1e-14)


def test_float32_and_products_agree():
    model, inputs, targets = attentive()
    exact = block_hessian(
        model, ("query.weight",), (inputs, targets), mean_token_loss, dtype=torch.float64, method="products"
    ).matrix
    single = block_hessian(model, ("query.weight",), (inputs, targets), mean_token_loss).matrix
    assert float((single - exact).norm() / exact.norm()) < 1e-5


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_equals_autograd_on_vectors(layer, loss):
    torch.manual_seed(2)
    model, inputs = FullyConnected((4, 5, 3, 3), "tanh"), torch.randn(13, 4)
    targets = torch.randint(3, (13,)) if loss == "cross_entropy" else torch.randn(13, 3)
    block = (f"layers.{layer}.weight", f"layers.{layer}.bias")
    reference = autograd_hessian(model, block, inputs, targets, output_loss(loss))
    found = block_hessian(model, block, (inputs, targets), loss, dtype=torch.float64)
    assert found.method == ("jacobian" if layer == 2 else "preactivations")  # linear in the last layer
    torch.testing.assert_close(found.matrix, reference, rtol=1e-10, atol=1e-14)


def test_batches_change_nothing_but_rounding(monkeypatch):
    model, inputs, targets = attentive()
    block = ("query.weight", "query.bias")
    whole = preactivation_hessian(model, block, inputs, targets, mean_token_loss, torch.float64)
    monkeypatch.setattr("dropscape.curvature.products.EXAMPLES_AT_ONCE", Budget(4, 0))
    monkeypatch.setattr("dropscape.models.prefix_suffix.CACHE_BYTES", Budget(0, 0))
    chunked = preactivation_hessian(model, block, inputs, targets, mean_token_loss, torch.float64)
    torch.testing.assert_close(chunked, whole, rtol=1e-12, atol=1e-16)


def test_linear_loss_has_no_curvature():
    model, inputs, targets = attentive()
    found = block_hessian(model, ("read.weight",), (inputs, targets), lambda outputs, _: outputs.sum((1, 2)))
    assert torch.equal(found.matrix, torch.zeros_like(found.matrix))


def test_needs_one_layer():
    model, inputs, targets = convolutional()
    with pytest.raises(ConfigurationError, match="one dense or convolutional layer's weight"):
        block_hessian(model, ("norm.weight",), (inputs, targets), method="preactivations")
