"""What some of the examples do not tell: curvature, second uses of a weight, kinks, and models that mix examples."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dropscape.curvature.hessian import block_hessian, hessian_products
from dropscape.errors import CertificateError, ConfigurationError
from tests.models_of_people import Does, X, Y, assert_exact, by_autograd, mlp, seeded

SENTENCES = torch.randn(12, 4, 6, generator=torch.Generator().manual_seed(5)).double()


class Gated(nn.Module):
    """Curved where the first feature is positive, linear elsewhere."""

    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        h = self.first(x)
        return self.head(h + h * h * (x[:, :1] > 1))


class LateTie(nn.Module):
    """Reads its first weight a second time where the first feature is above 1."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False)
        self.second.weight, self.head = self.first.weight, nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.first(x) + F.relu(self.second(x.abs() * (x[:, :1] > 1))))


def hardswish():
    """Curved below 3, linear above."""
    model = nn.Sequential(nn.Linear(6, 1), nn.Hardswish(), nn.Linear(1, 3))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[4.0, 0, 0, 0, 0, 0]]))
        model[0].bias.fill_(-1.0)
    return model


@pytest.mark.parametrize("make", [Gated, LateTie, hardswish])
def test_what_is_linear_on_the_first_examples_alone_is_not_taken_for_it(make):
    """Only three of the examples tell, and neither the ones that are looked at nor the certificate's need be them."""
    inputs = torch.randn(400, 6, generator=torch.Generator().manual_seed(7)).double()
    inputs[:, 0] = 0.5 if make is not hardswish else 2.0
    inputs[[201, 203, 205], 0] = 2.0 if make is not hardswish else 0.5
    model, labels = seeded(make), torch.arange(400) % 3
    block = next(name for name, _ in model.named_parameters())
    loss = "cross_entropy", lambda: F.cross_entropy(model(inputs), labels)
    assert_exact(model, block, (inputs, labels), *loss)


class TimeFirst(nn.Module):
    """Attention as torch has it by default: (positions, n, width) inside."""

    def __init__(self):
        super().__init__()
        self.up, self.attention, self.head = nn.Linear(6, 6), nn.MultiheadAttention(6, 2), nn.Linear(6, 3)

    def forward(self, x):
        h = self.up(x.transpose(0, 1))
        return self.head(self.attention(h, h, h, need_weights=False)[0].mean(dim=0))


@pytest.mark.parametrize("n", [4, 12])
def test_a_layer_whose_first_dimension_is_not_the_examples(n):
    model, inputs, labels = seeded(TimeFirst), SENTENCES[:n], Y[:n]
    found = assert_exact(
        model, "up.weight", (inputs, labels), "cross_entropy", lambda: F.cross_entropy(model(inputs), labels)
    )
    assert found.method == "products"
    with pytest.raises(ConfigurationError, match="where the first dimension does not count the examples"):
        block_hessian(model, "up.weight", (inputs, labels), method="preactivations")


class Rotary(nn.Module):
    """Turns pairs of activations by fixed angles, which it keeps as complex numbers, and scales by learnt ones."""

    def __init__(self):
        super().__init__()
        self.up, self.head = nn.Linear(6, 6), nn.Linear(6, 3)
        self.register_buffer("turns", torch.polar(torch.ones(3), torch.arange(3) + 0.5).to(torch.complex128))
        self.scales = nn.Parameter(torch.tensor([1 + 2j, 1j, 3 - 1j], dtype=torch.complex128))

    def forward(self, x):
        pairs = torch.view_as_complex(torch.tanh(self.up(x)).unflatten(-1, (3, 2)))
        return self.head(torch.view_as_real(pairs * self.turns * self.scales).flatten(-2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_complex_numbers_of_a_model_stay_complex(dtype):
    """``Module.to(dtype)`` would leave their real parts."""
    model = seeded(Rotary)
    expected = by_autograd(model, ["up.weight"], lambda: F.cross_entropy(model(X), Y))
    found = block_hessian(model, "up.weight", (X, Y), dtype=dtype)
    torch.testing.assert_close(found.matrix.double(), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ConfigurationError, match="'scales' is of torch"):
        block_hessian(model, None, (X, Y))


@pytest.mark.parametrize("n", [3, 8, 300])
@pytest.mark.parametrize(
    "made",
    [
        (lambda x: x.flatten(0, 1), lambda x: x.unflatten(0, (-1, 4)).mean(1)),
        (lambda x: x.transpose(0, 1), lambda x: x.mean(0)),
        (lambda x: {"x": x}, lambda x: x.mean(1)),
    ],
)
def test_a_sequence_whose_parts_hand_on_other_things_than_rows_is_not_cut(made, n):
    before, after = made
    read = Does(lambda x: x["x"] if isinstance(x, dict) else x)
    parts = [Does(before), read, nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3), Does(after)]
    model = seeded(lambda: nn.Sequential(nn.Linear(6, 6), *parts))
    inputs = torch.randn(n, 4, 6, generator=torch.Generator().manual_seed(8)).double()
    labels = torch.arange(n) % 3
    assert_exact(model, "3.weight", (inputs, labels), "cross_entropy", lambda: F.cross_entropy(model(inputs), labels))


class Keyword(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.head(torch.relu(self.layer(input=x)))


def test_a_layer_that_is_called_by_keyword():
    model = seeded(Keyword)
    found = assert_exact(model, "layer.weight", (X, Y), "cross_entropy", lambda: F.cross_entropy(model(X), Y))
    assert found.method == "jacobian"


@pytest.mark.parametrize("groups", [2, 6])
def test_a_group_norm_whose_batched_second_derivative_torch_has_not(groups):
    model = seeded(lambda: nn.Sequential(nn.Conv1d(4, 6, 3), nn.GroupNorm(groups, 6), nn.Flatten(), nn.Linear(24, 3)))
    inputs, labels = SENTENCES[:6], Y[:6]
    loss = "cross_entropy", lambda: F.cross_entropy(model(inputs), labels)
    assert_exact(model, "0.weight", (inputs, labels), *loss)


class Splits(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def split(self, x):
        return x[:, :3], x[:, 3:]

    def forward(self, x):
        return torch.tanh(self.layer(torch.cat(self.split(x)[::-1], dim=1)))


def test_hooks_of_a_sequence_and_a_method_named_split():
    model = seeded(lambda: nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)))
    model.register_forward_hook(lambda _, given, output: 3 * output)
    assert_exact(model, "2.weight", (X, Y), "cross_entropy", lambda: F.cross_entropy(model(X), Y))
    other = seeded(Splits)
    assert_exact(other, "layer.weight", (X, Y), "cross_entropy", lambda: F.cross_entropy(other(X), Y))


@pytest.mark.parametrize(
    ("make", "targets", "loss"),
    [
        (lambda: nn.Sequential(nn.Linear(6, 3), Does(lambda x: x - x.mean(0))), Y, "cross_entropy"),
        (lambda: nn.Linear(6, 1), X[:, 0], nn.MSELoss()),
        (lambda: nn.Linear(6, 1), X[:, 0], lambda outputs, targets: (outputs - targets).square().mean(dim=1)),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_examples_that_are_not_by_themselves_are_refused(make, targets, loss):
    for measure in (block_hessian, hessian_products):
        with pytest.raises(ConfigurationError, match="depends on the others that are in a batch with it"):
            measure(seeded(make), None, (X, targets), loss)


def test_a_certificate_reads_examples_from_everywhere():
    """A second derivative that is wrong on the last examples alone."""

    class Late(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.square()

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return gradient * torch.where(x > 5, 3 * x - x.detach(), 2 * x)

    class Squares(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 3, bias=False)

        def forward(self, x):
            return Late.apply(self.layer(x))

    inputs = torch.randn(200, 6, generator=torch.Generator().manual_seed(7)).double()
    inputs[150:] *= 20
    with pytest.raises(CertificateError, match="distance to finite differences"):
        block_hessian(seeded(Squares), "layer.weight", (inputs, inputs[:, :3]), "mse")


@pytest.mark.parametrize("inputs", [X, X * (torch.arange(12) > 2)[:, None]])
def test_parameters_at_a_kink_leave_the_certificate_undecided(inputs):
    """New biases are zero and images blank: a ReLU stands at its kink, where no finite difference settles."""
    model = seeded(mlp)
    with torch.no_grad():
        model[0].bias.zero_()
        if inputs is X:
            model[0].weight.zero_()
    expected = by_autograd(model, ["0.weight", "0.bias"], lambda: F.cross_entropy(model(inputs), Y))
    found = block_hessian(model, ["0.weight", "0.bias"], (inputs, Y), dtype=torch.float64)
    torch.testing.assert_close(found.matrix, expected, rtol=1e-8, atol=1e-12)
    assert found.certificate.verdict == "undecided"


def test_a_layer_that_computes_in_float32_leaves_the_certificate_undecided():
    class Float(nn.Module):
        def forward(self, x):
            h = x.float()
            return (h * torch.rsqrt(h.square().mean(dim=-1, keepdim=True) + 1e-6)).to(x.dtype)

    model = seeded(lambda: nn.Sequential(nn.Linear(6, 5), Float(), nn.Linear(5, 3)))
    expected = by_autograd(model, ["0.weight"], lambda: F.cross_entropy(model(X), Y))
    found = block_hessian(model, "0.weight", (X, Y))
    torch.testing.assert_close(found.matrix.double(), expected, rtol=1e-4, atol=1e-6)
    assert found.certificate.verdict == "undecided"


def test_the_rounding_of_a_tiny_loss_is_not_taken_for_examples_that_mix():
    """Outputs of a wide layer are summed in another order in a batch of another size, which a loss of 1e-13 shows."""
    torch.manual_seed(0)
    model, inputs = nn.Sequential(nn.Linear(1, 2000), nn.ReLU(), nn.Linear(2000, 1)), torch.linspace(-1, 1, 13)[:, None]
    with torch.no_grad():
        alone, together = model(inputs[6:]), model(inputs)
        targets = together + 1e-7 * torch.arange(13)[:, None]
    changes = [(outputs - targets[6:]).square() / 2 for outputs in (alone, together[6:])]
    assert float((changes[0] - changes[1]).abs().max()) > 0.1 * float(changes[1].max())
    assert block_hessian(model, "2.weight", (inputs, targets), "mse").certificate.verdict == "passed"
