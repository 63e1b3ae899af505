"""The affine and the forward profile against dense float64 forward passes."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dropscape.flatness.profile import AffineProfile, ForwardProfile, loss_profile
from dropscape.models.block import block_vector, split_vector
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import LOSSES
from dropscape.numerics.devices import Budget

BLOCKS = [
    ("layers.0.weight",),
    ("layers.0.weight", "layers.0.bias"),
    ("layers.1.weight",),
    ("layers.1.weight", "layers.1.bias"),
    ("layers.2.weight",),
    ("layers.3.weight", "layers.3.bias"),
]


def problem(activation="relu", n=97, dtype=torch.float64, scale=1.0):
    torch.manual_seed(3)
    model = FullyConnected((7, 6, 9, 5, 4), activation).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    # class 2 has no example
    targets = torch.tensor([0, 1, 3])[torch.randint(0, 3, (n,))]
    return model, torch.randn(n, 7, dtype=dtype), targets


def dense_loss(model, block, inputs, targets, direction, distance, loss):
    """Oracle: a float64 copy of the model, moved, run on all inputs."""
    moved = copy.deepcopy(model).double()
    with torch.no_grad():
        for name, piece in split_vector(moved, block, direction.double()).items():
            moved.get_parameter(name).add_(distance * piece)
        outputs = moved(inputs.double())
    if loss == "cross_entropy":
        return cross_entropy(outputs, targets).item()
    return ((outputs - targets.double()) ** 2).sum(1).mean().item() / 2


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_losses_of_every_layer(block, activation, loss):
    model, inputs, targets = problem(activation)
    if loss == "mse":
        targets = torch.randn(len(inputs), 4, dtype=torch.float64)
    direction = torch.randn_like(block_vector(model, block))
    fast = loss_profile(model, block, inputs, targets, loss)
    plain = ForwardProfile(model, block, inputs, targets, loss)
    assert isinstance(fast, AffineProfile)
    for line in (direction, -2 * direction):
        fast.point_along(line)
        plain.point_along(line)
        for distances in ([0.0], [0.3, -0.7], [-20.0, 4.0]):
            expected = [dense_loss(model, block, inputs, targets, line, d, loss) for d in distances]
            assert fast.losses(distances) == pytest.approx(expected, rel=1e-12)
            assert plain.losses(distances) == pytest.approx(expected, rel=1e-12)


def test_loss_given_as_its_function_takes_the_fast_path():
    model, inputs, targets = problem()
    given = loss_profile(model, BLOCKS[2], inputs, targets, LOSSES["cross_entropy"])
    assert isinstance(given, AffineProfile)


def test_activation_that_is_not_computed_in_place(monkeypatch):
    from dropscape.models import fnn

    monkeypatch.setitem(fnn.ACTIVATIONS, "softplus", nn.functional.softplus)
    model, inputs, targets = problem("softplus")
    block = ("layers.1.weight",)
    direction = torch.randn_like(block_vector(model, block))
    profile = loss_profile(model, block, inputs, targets)
    profile.point_along(direction)
    expected = dense_loss(model, block, inputs, targets, direction, 0.5, "cross_entropy")
    assert profile.losses([0.5])[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("block", [BLOCKS[2], BLOCKS[5]])
def test_float32_overflow_far_out(block):
    """Margins of thousands: exp overflows in float32, the mean loss does not."""
    model, inputs, targets = problem(dtype=torch.float32)
    direction = torch.randn_like(block_vector(model, block))
    profile = loss_profile(model, block, inputs, targets)
    profile.point_along(direction)
    for distance in (1e4, -1e6):
        expected = dense_loss(model, block, inputs, targets, direction, distance, "cross_entropy")
        assert expected > 88
        assert profile.losses([distance])[0] == pytest.approx(expected, rel=1e-5)


def test_float32_keeps_the_digits_of_a_tiny_loss():
    """Labels that the network is sure of: the mean loss is below 1e-6, where log-softmax in float32 keeps nothing."""
    model, inputs, _ = problem(dtype=torch.float32, scale=9.0)
    with torch.no_grad():
        outputs = model(inputs)
        sure = outputs.topk(2).values.diff(dim=1)[:, 0] < -16
    inputs, targets = inputs[sure], outputs[sure].argmax(1)
    block = ("layers.2.weight",)
    exact = loss_profile(copy.deepcopy(model).double(), block, inputs.double(), targets)
    single = loss_profile(model, block, inputs, targets)
    line = torch.zeros_like(block_vector(model, block))
    exact.point_along(line.double())
    single.point_along(line)
    expected = exact.losses([0.0])[0]
    assert 0 < expected < 1e-6 and len(inputs) > 10
    # outputs of some 1e2 with a rounding of 1e-5 give the loss to 1e-5 relative
    assert single.losses([0.0])[0] == pytest.approx(expected, rel=1e-4)


def test_chunks_do_not_change_the_loss(monkeypatch):
    from dropscape.flatness import profile as module

    model, inputs, targets = problem(n=97)
    block = ("layers.1.weight", "layers.1.bias")
    direction = torch.randn_like(block_vector(model, block))
    values = []
    for cache in (2**20, 3 * 8 * 9 * 10):
        monkeypatch.setattr(module, "CACHE_BYTES", Budget(cache, 0))
        profile = loss_profile(model, block, inputs, targets)
        profile.point_along(direction)
        values.append(profile.losses([0.4, -0.4]))
    assert values[0] == pytest.approx(values[1], rel=1e-13)


def test_other_models_and_blocks_take_the_forward_profile(monkeypatch):
    from dropscape.flatness import profile as module

    monkeypatch.setattr(module, "FORWARD_BATCH", Budget(10, 0))
    model, inputs, targets = problem()
    two_layers = ("layers.1.weight", "layers.2.weight")
    assert isinstance(loss_profile(model, two_layers, inputs, targets), ForwardProfile)
    torch.manual_seed(0)
    other = nn.Sequential(nn.Linear(7, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 4)).double().eval()
    block = ("0.weight", "1.weight", "3.bias")
    before = copy.deepcopy(other.state_dict())
    direction = torch.randn_like(block_vector(other, block))
    profile = loss_profile(other, block, inputs, targets)
    profile.point_along(direction)
    for distance in (0.0, 0.8, -3.0):
        expected = dense_loss(other, block, inputs, targets, direction, distance, "cross_entropy")
        assert profile.losses([distance])[0] == pytest.approx(expected, rel=1e-12)
    assert all(torch.equal(before[name], value) for name, value in other.state_dict().items())
