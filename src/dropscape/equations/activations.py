"""Activations with the two derivatives that the equations need (paper C, section 3.2: sigma in C^6)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dropscape.errors import ConfigurationError


@dataclass(frozen=True)
class Activation:
    """An activation sigma, elementwise; what is known already saves transcendental functions."""

    value: Callable[[Tensor], Tensor]  # sigma(z)
    slope: Callable[[Tensor, Tensor], Tensor]  # sigma'(z) from z and sigma(z)
    curvature: Callable[[Tensor, Tensor, Tensor], Tensor]  # sigma''(z) from z, sigma(z) and sigma'(z)
    smooth: bool = True  # whether sigma is in C^6, as Theorem 1 of paper C asks


def _normal_density(z: Tensor) -> Tensor:
    return z.square().mul_(-0.5).exp_().mul_(1 / math.sqrt(2 * math.pi))


ACTIVATIONS = {
    "tanh": Activation(
        torch.tanh,
        lambda z, h: h.square().neg_().add_(1),
        lambda z, h, slope: (h * slope).mul_(-2),
    ),
    "sigmoid": Activation(
        torch.sigmoid,
        lambda z, h: h - h.square(),
        lambda z, h, slope: torch.addcmul(slope, h, slope, value=-2),
    ),
    # x Phi(x), Phi being the normal distribution function.
    "gelu": Activation(
        F.gelu,
        lambda z, h: torch.special.ndtr(z).addcmul_(z, _normal_density(z)),
        lambda z, h, slope: _normal_density(z).mul_(2 - z.square()),
    ),
    # Above 40 the difference to z is below what float64 resolves.
    "softplus": Activation(
        lambda z: F.softplus(z, threshold=40.0),
        lambda z, h: torch.sigmoid(z),
        lambda z, h, slope: slope - slope.square(),
    ),
    # Outside the theory: no second derivative at 0, where this one is 0.
    "relu": Activation(
        torch.relu,
        lambda z, h: (z > 0).to(z.dtype),
        lambda z, h, slope: torch.zeros_like(z),
        smooth=False,
    ),
}


def activation_called(name: str) -> Activation:
    """The activation of that name; a ConfigurationError says that it is not a key of ``ACTIVATIONS``."""
    if name not in ACTIVATIONS:
        raise ConfigurationError(f"model.activation is '{name}'; write one of {', '.join(ACTIVATIONS)}.")
    return ACTIVATIONS[name]
