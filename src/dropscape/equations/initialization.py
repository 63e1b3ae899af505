"""Where trials start: a fully-connected network of every trial, drawn from one distribution."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from dropscape.equations.network import Parameters
from dropscape.numerics.seeds import torch_generator


def initial_weights(
    widths: Sequence[int], initial_scale: Sequence[float] | None, seeds: Sequence[int], trials: int
) -> list[Tensor]:
    """Weights (S * trials, outputs, inputs) of every layer, float32; a seed's trials stand together.

    Hidden layers have their biases in a last column, of the one that is appended to their inputs; the output has none
    (eq. 2). A seed's draws depend on the seed, the number of trials and the widths only: another scale multiplies the
    same numbers.

    Args:
        widths: d (without the one), the hidden widths, k.
        initial_scale: standard deviation of each layer's normals; None draws each layer uniformly up to
            1/sqrt(inputs), as torch does by default.
        trials: of each of the S seeds.
    """
    networks = []
    for seed in seeds:
        generator = torch_generator(seed, "equations", "initial")
        layers = []
        for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            shape = (trials, outputs, inputs + (index < len(widths) - 2))
            if initial_scale is None:
                layers.append((2 * torch.rand(shape, generator=generator) - 1) / inputs**0.5)
            else:
                layers.append(initial_scale[index] * torch.randn(shape, generator=generator))
        networks.append(layers)
    return [torch.cat(layers) for layers in zip(*networks, strict=True)]


def two_layers(weights: Sequence[Tensor]) -> Parameters:
    """The weights of a network with one hidden layer as the equations' parameters."""
    w, a = weights
    return Parameters(a.mT.contiguous(), w)
