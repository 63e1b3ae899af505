import pytest
import torch
from torch import nn

from dropscape.curvature.hessian import block_hessian
from dropscape.errors import ConfigurationError, RandomObjectiveError
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import LOSSES


def example(activation="relu"):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return FullyConnected((5, 6, 4, 3), activation), torch.randn(30, 5), torch.randint(3, (30,))


@pytest.mark.parametrize("block", [("layers.1.weight",), ("layers.1.weight", "layers.1.bias"), ("layers.2.weight",)])
def test_both_methods_agree(block):
    model, inputs, targets = example()
    both = [
        block_hessian(model, block, (inputs, targets), dtype=torch.float64, method=method)
        for method in ("auto", "products")
    ]
    assert [found.method for found in both] == ["kronecker", "products"]
    torch.testing.assert_close(both[0].matrix, both[1].matrix, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(
    ("activation", "block", "loss", "method"),
    [
        ("tanh", ("layers.1.weight",), "cross_entropy", "preactivations"),
        ("relu", ("layers.1.bias",), "cross_entropy", "products"),
        ("relu", ("layers.1.weight", "layers.2.weight"), "cross_entropy", "products"),
        ("relu", ("layers.1.weight",), lambda outputs, targets: outputs.square().sum(dim=1), "preactivations"),
    ],
)
def test_picks_another_method_where_the_sum_is_not_the_hessian(activation, block, loss, method):
    model, inputs, targets = example(activation)
    assert block_hessian(model, block, (inputs, targets), loss).method == method
    with pytest.raises(ConfigurationError, match="products"):
        block_hessian(model, block, (inputs, targets), loss, method="kronecker")


def test_matrix_that_would_not_fit_is_refused_before_it_is_tried():
    model = torch.nn.Sequential(torch.nn.Linear(300, 300))
    with pytest.raises(ConfigurationError, match=r"0\.weight has 90000 parameters, .* 30 GiB; .*extreme eigenvalues"):
        block_hessian(model, ("0.weight",), (torch.randn(4, 300), torch.randint(300, (4,))))


def test_loss_given_as_its_function_is_recognised():
    model, inputs, targets = example()
    both = [
        block_hessian(model, ("layers.1.weight",), (inputs, targets), loss)
        for loss in ("cross_entropy", LOSSES["cross_entropy"])
    ]
    assert both[1].method == "kronecker" and torch.equal(both[0].matrix, both[1].matrix)


def test_names_what_is_wrong():
    model, inputs, targets = example()
    with pytest.raises(ConfigurationError, match=r"method is 'exact'"):
        block_hessian(model, ("layers.1.weight",), (inputs, targets), method="exact")
    with pytest.raises(ConfigurationError, match=r"layers\.9\.weight"):
        block_hessian(model, ("layers.9.weight",), (inputs, targets))
    with pytest.raises(ConfigurationError, match="loss is 'hinge'"):
        block_hessian(model, ("layers.1.weight",), (inputs, targets), "hinge")


def test_refuses_a_random_objective():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(5, 3)

        def forward(self, x):
            return self.linear(nn.functional.dropout(x, 0.5, training=True))

    _, inputs, targets = example()
    with pytest.raises(RandomObjectiveError, match="two evaluations"):
        block_hessian(Masked(), ("linear.weight",), (inputs, targets))


def test_caller_is_left_as_it_was():
    model, inputs, targets = example()
    model.train()
    for method in ("kronecker", "products"):
        block_hessian(model, ("layers.1.weight",), (inputs, targets), method=method)
    assert model.training
    assert all(value.grad is None and value.requires_grad for value in model.parameters())
