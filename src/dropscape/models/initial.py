"""Draws first parameters of fully-connected networks, normally distributed with a given scale for each layer.

The scale decides whether neurons can move at all (paper B, sections VI-B and VI-C): torch's initialisation has one
that depends on the widths alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dropscape.errors import ConfigurationError
from dropscape.models.fnn import check_activation
from dropscape.numerics.seeds import torch_generator


def normal_initialised(
    widths: Sequence[int], activation: str, initial_scale: Sequence[float], seeds: Sequence[int]
) -> dict[str, Tensor]:
    """Draw weights and biases of layer l from N(0, s_l^2) for every seed; the last layer's bias is 0.

    A seed's draws depend on the seed and the widths ``(d, m_1, ..., m_{L-1}, d')`` only: another ``initial_scale``, s_1
    to s_L, multiplies the same numbers, and the activation of the hidden layers changes nothing. Another number of
    scales than layers or an unknown activation is a ConfigurationError. Returns ``{name: (S, ...)}`` in float32 for S
    seeds, named as a ``FullyConnected`` names its parameters.
    """
    if len(initial_scale) != len(widths) - 1:
        raise ConfigurationError(
            f"model.initial_scale is {list(initial_scale)}, but the network has {len(widths) - 1} layers: write one "
            "number for each."
        )
    check_activation(activation)
    networks = [_drawn(widths, initial_scale, seed) for seed in seeds]
    return {name: torch.stack([network[name] for network in networks]) for name in networks[0]}


def _drawn(widths: Sequence[int], scales: Sequence[float], seed: int) -> dict[str, Tensor]:
    generator = torch_generator(seed, "training", "initialisation")
    parameters = {}
    for index, (fan_in, fan_out, scale) in enumerate(zip(widths[:-1], widths[1:], scales, strict=True)):
        parameters[f"layers.{index}.weight"] = scale * torch.randn(fan_out, fan_in, generator=generator)
        last = index == len(scales) - 1
        bias = torch.zeros(fan_out) if last else scale * torch.randn(fan_out, generator=generator)
        parameters[f"layers.{index}.bias"] = bias
    return parameters
