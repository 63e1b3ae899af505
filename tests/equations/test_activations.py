import pytest
import torch
import torch.nn.functional as F
from torch.func import grad, vmap

from dropscape.equations.activations import ACTIVATIONS, activation_called
from dropscape.errors import ConfigurationError

REFERENCES = {
    "tanh": torch.tanh,
    "sigmoid": lambda z: 1 / (1 + torch.exp(-z)),
    "gelu": lambda z: z * (1 + torch.erf(z / 2**0.5)) / 2,
    "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)),
    "relu": lambda z: F.relu(z),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_derivatives_are_those_of_the_definition(name):
    activation = activation_called(name)
    # Wide enough for every formula's saturated ends, and without 0, where relu has no derivative.
    z = torch.linspace(-60, 60, 4000, dtype=torch.float64)
    h = activation.value(z)
    slope = activation.slope(z, h)
    first = vmap(grad(REFERENCES[name]))
    torch.testing.assert_close(h, REFERENCES[name](z), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(slope, first(z), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(
        activation.curvature(z, h, slope), vmap(grad(grad(REFERENCES[name])))(z), rtol=1e-11, atol=1e-14
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_arguments_are_left_alone(name):
    activation = activation_called(name)
    z = torch.linspace(-2, 2, 8)
    h = activation.value(z)
    slope = activation.slope(z, h)
    before = [value.clone() for value in (z, h, slope)]
    activation.curvature(z, h, slope)
    assert all(torch.equal(value, old) for value, old in zip((z, h, slope), before, strict=True))
    assert torch.equal(z, torch.linspace(-2, 2, 8))


def test_relu_alone_is_outside_the_theory():
    assert [name for name, activation in ACTIVATIONS.items() if not activation.smooth] == ["relu"]


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigurationError, match="tanh, sigmoid, gelu, softplus, relu"):
        activation_called("swish")
