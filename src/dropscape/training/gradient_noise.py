"""Noise that is added to the gradient of the risk, of as much power as dropout's gradient has, in other directions.

Paper A infers from the covariance of dropout's gradient noise, which is aligned with the Hessian, that this noise finds
flat minima; it never changes the noise alone. Here a training descends R_S without dropout, plus a noise of mean zero.
Let xi = (g_1 - g_2) / sqrt(2), with g_1 and g_2 the gradients of R_S^drop at the current parameters under two
independent draws of masks. The noise of a step is

- ``dropout``: xi itself, whose covariance is exactly that of dropout's gradient;
- ``isotropic``: Gaussian, of the same variance in all parameters of a layer;
- ``rotated``: Q xi, where Q permutes the parameters of a layer and flips half of their signs, drawn once a training:
  each layer's covariance keeps its spectrum, its eigenvectors have nothing to do with the Hessian any more;
- ``hessian``: the gradient for labels that the network draws by its own probabilities, with random signs: each layer's
  covariance is proportional to the Gauss-Newton Hessian of R_S. It is scaled by the trace of the labels of the step, so
  that this holds to 2 % while the mean loss is above 0.03 on 1,000 examples, and not once hardly a label is wrong.

Layer by layer (a weight with its bias) all have the trace of dropout's covariance at the current parameters. Were only
the sums over all layers equal, nearly all of the isotropic noise would go to the first layer, which has nine tenths of
the parameters, and the comparison would be one of layers. Weights of pixels that are zero in every example have no
gradient and no noise.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dropscape.dropout.masks import Draw, LayerMasks
from dropscape.numerics.random_stream import RandomStream
from dropscape.numerics.seeds import torch_generator
from dropscape.training.stacked_networks import StackedNetworks


class GradientNoise:
    """The noise of S networks, as a function of seed and step: nothing of it has a state.

    Args:
        kind: ``dropout``, ``isotropic``, ``rotated`` or ``hessian``.
        networks: at the parameters at which a noise is drawn.
        masks: those of dropout, in the steps that a training with dropout would have them; and of a second draw.
        dropout_after: the hidden layer that they mask.
        seeds: one for each network.
    """

    def __init__(
        self,
        kind: str,
        networks: StackedNetworks,
        masks: tuple[LayerMasks, LayerMasks],
        dropout_after: int,
        seeds: Sequence[int],
    ):
        self._networks, self._masks, self._after = networks, masks, dropout_after
        self._streams = [RandomStream(seed, "training", f"{kind} noise") for seed in seeds]
        self._seeds = seeds
        self._fan = [weight[0].numel() for weight in networks.zeros()[0]]
        self._sizes = [layer.shape[1] for layer in _layers(*networks.zeros())]
        self._turns = [self._turn(index) for index in range(networks.depth)] if kind == "rotated" else []
        kinds: dict[str, Callable] = {
            "dropout": lambda dropout, draw: dropout,
            "isotropic": self._isotropic,
            "rotated": self._rotated,
            "hessian": self._hessian,
        }
        self._of_kind = kinds[kind]

    def drawn(self, draw: Draw) -> tuple[list[Tensor], list[Tensor]]:
        """Draw the noise of a step: that of the weights and that of the biases, shaped as their gradients."""
        one, other = (masks.mask(draw) for masks in self._masks)
        terms = [(math.sqrt(0.5), one), (-math.sqrt(0.5), other)]
        weights, biases, _ = self._networks.weighted_gradients(terms, self._masks[0].keep_prob, self._after)
        noise = self._of_kind(_layers(weights, biases), draw)
        return (
            [one[:, :size].view_as(weight) for one, size, weight in zip(noise, self._fan, weights, strict=True)],
            [one[:, size:].unsqueeze(-1) for one, size in zip(noise, self._fan, strict=True)],
        )

    def _isotropic(self, dropout: list[Tensor], draw: Draw) -> list[Tensor]:
        shape, like = (sum(self._sizes),), dropout[0]
        drawn = torch.stack([stream.normals(draw, shape, like.dtype, like.device) for stream in self._streams])
        return [
            normal * _norm(layer) / math.sqrt(layer.shape[1])
            for normal, layer in zip(drawn.split(self._sizes, dim=1), dropout, strict=True)
        ]

    def _rotated(self, dropout: list[Tensor], draw: Draw) -> list[Tensor]:
        return [layer.gather(1, order).mul_(signs) for layer, (order, signs) in zip(dropout, self._turns, strict=True)]

    def _turn(self, index: int) -> tuple[Tensor, Tensor]:
        """A permutation and signs of a layer's parameters, (S, P) each, of each seed its own."""
        orders, signs = [], []
        for seed in self._seeds:
            generator = torch_generator(seed, "training", f"rotation of layer {index}")
            orders.append(torch.randperm(self._sizes[index], generator=generator))
            signs.append(2.0 * torch.randint(2, (self._sizes[index],), generator=generator) - 1)
        device = self._networks.weights[0].device
        return torch.stack(orders).to(device), torch.stack(signs).to(device)

    def _hessian(self, dropout: list[Tensor], draw: Draw) -> list[Tensor]:
        examples = (self._networks.examples,)
        uniforms = torch.stack([stream.uniforms(draw, examples, dropout[0].device) for stream in self._streams])
        weights, biases, traces = self._networks.sampled_label_gradients(uniforms)
        return [
            # A layer behind which all units are off has no gradient, and no noise.
            noise * _norm(layer) / trace.clamp(min=torch.finfo(trace.dtype).tiny).sqrt()[:, None]
            for noise, layer, trace in zip(_layers(weights, biases), dropout, traces, strict=True)
        ]


def _layers(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> list[Tensor]:
    """Each layer's weight and bias as one vector, (S, P)."""
    pairs = zip(weights, biases, strict=True)
    return [torch.cat([weight.flatten(1), bias.flatten(1)], dim=1) for weight, bias in pairs]


def _norm(layer: Tensor) -> Tensor:
    """The length of each network's vector, (S, 1)."""
    return layer.norm(dim=1, keepdim=True)
