"""The Hessian of one layer of a piecewise linear module against dense float64 autograd."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, hessian

from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.jacobian import jacobian_hessian, root_of_output_hessian
from dropscape.errors import ConfigurationError
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import output_loss
from dropscape.numerics.devices import Budget
from tests.toy_models import BLOCKS_OF_CONVOLUTIONAL as BLOCKS
from tests.toy_models import autograd_hessian, convolutional


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("block", BLOCKS, ids="+".join)
def test_equals_autograd_for_every_layer(block, loss):
    model, inputs, targets = convolutional(loss=loss)
    reference = autograd_hessian(model, block, inputs, targets, output_loss(loss))
    found = block_hessian(model, block, (inputs, targets), loss, dtype=torch.float64)
    assert found.method == "jacobian"
    assert torch.equal(found.matrix, found.matrix.T)
    torch.testing.assert_close(found.matrix, reference, rtol=1e-9, atol=1e-13)
    single = block_hessian(model, block, (inputs, targets), loss).matrix
    assert float((single - reference).norm() / reference.norm()) < 1e-5


def test_batches_and_column_blocks_change_nothing_but_rounding(monkeypatch):
    model, inputs, _ = convolutional(n=11)
    whole = jacobian_hessian(model, BLOCKS[2], inputs, "cross_entropy", torch.float64)
    monkeypatch.setattr("dropscape.curvature.jacobian.COLUMNS_AT_ONCE", 37)
    monkeypatch.setattr("dropscape.curvature.jacobian.ROW_BYTES", Budget(4 * 3 * len(whole) * 8, 0))
    monkeypatch.setattr("dropscape.models.prefix_suffix.CACHE_BYTES", Budget(0, 0))
    chunked = jacobian_hessian(model, BLOCKS[2], inputs, "cross_entropy", torch.float64)
    assert torch.equal(chunked, chunked.T)
    torch.testing.assert_close(chunked, whole, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_equals_the_kronecker_sum_of_a_fully_connected_network(layer):
    torch.manual_seed(4)
    model, inputs, targets = FullyConnected((5, 6, 4, 3)), torch.randn(20, 5), torch.randint(3, (20,))
    block = (f"layers.{layer}.weight", f"layers.{layer}.bias")
    both = [
        block_hessian(model, block, (inputs, targets), dtype=torch.float64, method=method).matrix
        for method in ("kronecker", "jacobian")
    ]
    torch.testing.assert_close(both[1], both[0], rtol=1e-12, atol=1e-16)


def test_dense_layer_on_positions():
    """A dense layer over the last dimension of (n, L, d)."""

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.head = nn.Linear(3, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.head(torch.relu(self.layer(x)).amax(dim=1))

    torch.manual_seed(1)
    model, inputs, targets = Tokens(), torch.randn(8, 5, 3), torch.randint(3, (8,))
    block = ("layer.weight", "layer.bias")
    reference = autograd_hessian(model, block, inputs, targets, output_loss("cross_entropy"))
    found = block_hessian(model, block, (inputs, targets), dtype=torch.float64)
    assert found.method == "jacobian"
    torch.testing.assert_close(found.matrix, reference, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_root_squares_to_the_output_hessian(scale):
    outputs = scale * torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    root = root_of_output_hessian(outputs, "cross_entropy")
    assert root.shape == (4, 6, 5)
    for i, output in enumerate(outputs):
        exact = hessian(lambda z: z.logsumexp(0))(output)
        torch.testing.assert_close(root[:, i].T @ root[:, i], exact, rtol=1e-10, atol=1e-15)


def test_nearly_certain_examples_keep_their_digits_in_float32():
    """p_c = 1 - 1e-9: diag(p) - p p^T in float32 would be zero or noise."""
    outputs = torch.tensor([[20.0, -1.0, -2.0]])
    p = outputs.double().softmax(1)[0]
    exact = torch.diag(p) - torch.outer(p, p)
    exact[0, 0] = p[0] * (p[1] + p[2])
    root = root_of_output_hessian(outputs, "cross_entropy")[:, 0].double()
    torch.testing.assert_close(root.T @ root, exact, rtol=1e-5, atol=0)


def test_module_that_is_not_piecewise_linear_is_refused_and_found():
    torch.manual_seed(0)
    inputs, targets = torch.randn(9, 4), torch.randint(3, (9,))
    bent = nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3))
    with pytest.raises(ConfigurationError, match=r"outputs of Sequential are curved in the block 0\.weight"):
        block_hessian(bent, ("0.weight",), (inputs, targets), method="jacobian")
    assert block_hessian(bent, ("0.weight",), (inputs, targets)).method == "preactivations"
    # After the bend it is linear in the last layer, and that is enough.
    assert block_hessian(bent, ("2.weight",), (inputs, targets)).method == "jacobian"


@pytest.mark.parametrize("shared", ["module", "weight"])
def test_layer_whose_weights_are_read_twice_is_differentiated_whole(shared):
    class Twice(nn.Module):
        def __init__(self, shared):
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
            self.shared = shared

        def forward(self, x):
            x = self.first(x)
            return x + (self.first(x) if self.shared == "module" else nn.functional.linear(x, self.first.weight))

    inputs, targets = torch.randn(9, 3), torch.randint(3, (9,))
    model, block = Twice(shared), ("first.weight",)
    with pytest.raises(ConfigurationError, match="'first' are read elsewhere in Twice"):
        block_hessian(model, block, (inputs, targets), method="jacobian")
    found = block_hessian(model, block, (inputs, targets), dtype=torch.float64)
    assert found.method == "products"
    reference = autograd_hessian(model, block, inputs, targets, output_loss("cross_entropy"))
    torch.testing.assert_close(found.matrix, reference, rtol=1e-10, atol=1e-14)


def test_names_what_the_method_needs():
    model, inputs, targets = convolutional()
    with pytest.raises(ConfigurationError, match="one dense or convolutional layer's weight"):
        block_hessian(model, ("norm.weight",), (inputs, targets), method="jacobian")
    with pytest.raises(ConfigurationError, match="losses 'cross_entropy' and 'mse'"):
        block_hessian(model, BLOCKS[0], (inputs, targets), lambda o, t: o.square().sum(1), method="jacobian")


def test_other_blocks_and_losses_go_by_products():
    model, inputs, targets = convolutional(n=5)

    def quartic(outputs, _):
        return outputs.pow(4).sum(dim=1)

    for block, loss in ((("norm.weight", "norm.bias"), "cross_entropy"), (("short.weight",), quartic)):
        found = block_hessian(model, block, (inputs, targets), loss, dtype=torch.float64)
        assert found.method == "products"
        chosen = output_loss(loss) if isinstance(loss, str) else loss
        reference = autograd_hessian(model, block, inputs, targets, chosen)
        torch.testing.assert_close(found.matrix, reference, rtol=1e-9, atol=1e-13)


def test_caller_is_left_as_it_was():
    model, inputs, targets = convolutional()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    block_hessian(model, BLOCKS[1], (inputs, targets))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.requires_grad and value.grad is None for value in model.parameters())
    outputs = functional_call(model, dict(model.named_parameters()), (inputs,))
    assert not model.first._forward_hooks and outputs.requires_grad
