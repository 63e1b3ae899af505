"""Products with a piecewise linear module's Hessian, its activation pattern held, against float64 autograd."""

import pytest
import torch
from torch import nn

from dropscape.curvature.eigenpairs import eigenpairs
from dropscape.curvature.hessian import hessian_products
from dropscape.curvature.jacobian import JacobianProducts
from dropscape.curvature.products import HessianOperator
from dropscape.curvature.spectrum import spectrum
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.models.losses import output_loss
from dropscape.numerics.devices import Budget
from tests.toy_models import BLOCKS_OF_CONVOLUTIONAL as BLOCKS
from tests.toy_models import autograd_hessian, convolutional


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("block", BLOCKS, ids="+".join)
def test_equals_autograd_for_every_layer(block, loss):
    model, inputs, targets = convolutional(loss=loss)
    reference = autograd_hessian(model, block, inputs, targets, output_loss(loss))
    products = hessian_products(model, block, (inputs, targets), loss, dtype=torch.float64)
    assert products.method == "jacobian" and products.multiply._hold
    torch.testing.assert_close(products.multiply(torch.eye(len(reference)).double()), reference, rtol=1e-9, atol=1e-13)
    vectors = torch.randn(3, len(reference), generator=torch.Generator().manual_seed(0))
    single = hessian_products(model, block, (inputs, targets), loss).multiply(vectors)
    assert float((single - vectors.double() @ reference).norm() / (vectors.double() @ reference).norm()) < 1e-5


class Kinks(nn.Module):
    """One kink of each kind between dense layers; as many again run before the block's layer."""

    def __init__(self, kink):
        super().__init__()
        self.before, self.layer, self.head = nn.Linear(5, 6), nn.Linear(6, 7), nn.Linear(7, 3)
        self.kink = kink

    def forward(self, x):
        return self.head(self.kink(self.layer(self.kink(self.before(x)))))


@pytest.mark.parametrize(
    ("kink", "known"),
    [
        (nn.ReLU(), True),
        (nn.ReLU(inplace=True), True),
        (nn.LeakyReLU(0.2), True),
        (nn.LeakyReLU(0.2, inplace=True), True),
        (nn.Hardtanh(), False),
        (torch.abs, False),
        (nn.PReLU(), False),
        (lambda x: torch.maximum(x, x.roll(1, -1)), False),
    ],
)
def test_every_kink_is_held_or_else_differentiated(kink, known):
    torch.manual_seed(3)
    model, inputs, targets = Kinks(kink), torch.randn(12, 5), torch.randint(3, (12,))
    block = ("layer.weight", "layer.bias")
    reference = autograd_hessian(model, block, inputs, targets, output_loss("cross_entropy"))
    multiply = JacobianProducts(model, block, inputs, "cross_entropy", torch.float64)
    assert multiply._hold is known
    torch.testing.assert_close(multiply(torch.eye(len(reference)).double()), reference, rtol=1e-9, atol=1e-13)


def test_batches_and_what_is_kept_change_nothing_but_rounding(monkeypatch):
    model, inputs, _ = convolutional(n=11)
    vectors = torch.randn(4, 148, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    vectors[2] = 0
    whole = JacobianProducts(model, BLOCKS[2], inputs, "cross_entropy", torch.float64)
    expected = whole(vectors)
    assert not expected[2].any() and expected[3].any()
    assert torch.equal(whole(vectors), expected)
    # Vectors of any length: the pattern is held however far a step would go.
    for scale in (1e-12, 1e12):
        torch.testing.assert_close(whole(scale * vectors) / scale, expected, rtol=1e-9, atol=1e-13)
    chunks = JacobianProducts(model, BLOCKS[2], inputs, "cross_entropy", torch.float64, micro_batch=4)
    torch.testing.assert_close(chunks(vectors), expected, rtol=1e-11, atol=1e-15)
    assert len(chunks._chunks.kept) == 3
    monkeypatch.setattr("dropscape.curvature.jacobian.KEPT_BYTES", Budget(0, 0))
    anew = JacobianProducts(model, BLOCKS[2], inputs, "cross_entropy", torch.float64, micro_batch=4)
    assert torch.equal(anew(vectors), chunks(vectors)) and not anew._chunks.kept


def test_eigenvalues_take_them():
    model, inputs, targets = convolutional()
    exact, _ = eigenpairs(autograd_hessian(model, BLOCKS[3], inputs, targets, output_loss("cross_entropy")))
    found = spectrum(model, BLOCKS[3], (inputs, targets), top=4, dtype=torch.float64, tolerance=1e-9, max_products=100)
    assert found.converged and found.method == "jacobian"
    torch.testing.assert_close(found.eigenvalues, exact[:4], rtol=1e-9, atol=1e-13)


def test_nearly_one_hot_outputs_keep_their_digits():
    """Probabilities within 1e-8 to 1e-4 of one-hot: diag(p) - p p^T formed in float32 would have few digits or none."""
    model, inputs, targets = convolutional(n=400)
    with torch.no_grad():
        model.head.weight.mul_(40)
        rest = 1 - model.double()(inputs.double()).softmax(dim=1).amax(dim=1)
    model.float()
    sure = (rest > 1e-8) & (rest < 1e-4)
    assert sure.sum() > 5
    inputs, targets = inputs[sure], targets[sure]
    vector = torch.randn(1, 144, generator=torch.Generator().manual_seed(1))
    exact = HessianOperator(model, ("first.weight",), inputs, targets, "cross_entropy", torch.float64)(vector)
    found = JacobianProducts(model, ("first.weight",), inputs, "cross_entropy")(vector)
    assert float((found - exact).norm() / exact.norm()) < 2e-5


def test_diverged_network_is_named():
    model, inputs, targets = convolutional()
    with torch.no_grad():
        model.second.weight.mul_(float("inf"))
    with pytest.raises(DivergenceError, match="not finite"):
        spectrum(model, BLOCKS[2], (inputs, targets), top=2)


def test_names_what_it_needs():
    model, inputs, _ = convolutional()
    with pytest.raises(ConfigurationError, match="losses 'cross_entropy' and 'mse'"):
        JacobianProducts(model, BLOCKS[0], inputs, lambda o, t: o.square().sum(1))
    with pytest.raises(ConfigurationError, match="one dense or convolutional layer's weight"):
        JacobianProducts(model, ("norm.weight",), inputs, "cross_entropy")


def test_caller_is_left_as_it_was():
    model, inputs, targets = convolutional()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    hessian_products(model, BLOCKS[2], (inputs, targets)).multiply(torch.ones(1, 148))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert "forward" not in vars(model.first) and not model.first._forward_hooks
