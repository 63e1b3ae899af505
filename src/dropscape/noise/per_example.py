"""The Hessian of the dropout loss L_S and the covariance of one example's gradient (papers A, Theorem 2; C, eq. 17).

L_S is the mean of R_S^drop over the masks. With masks of its own for each example, one draw for all of n examples is
already a mean over n masks; several draws are averaged. The covariance is that of the gradient of one example's loss,
over the examples and their masks, where ``sampling`` takes that of the full batch, over the masks alone.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.kronecker import kronecker_hessian
from dropscape.curvature.layer import OpenNetwork, refuse_other_readings
from dropscape.curvature.linearised import PIECEWISE_LINEAR
from dropscape.curvature.products import by_name
from dropscape.data.examples import Examples
from dropscape.dropout.layers import ModuleMasks, masks_in_force, set_keep_prob
from dropscape.dropout.masks import Draw, LayerMasks, MaskStream
from dropscape.models.block import dense_layer_of_block
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import PerExampleLoss
from dropscape.models.prefix_suffix import Inputs, count
from dropscape.models.registry import keep_probs
from dropscape.numerics.devices import Budget
from dropscape.training.backends import has_one_hidden_mask
from dropscape.training.run_networks import run_risk

EXAMPLES_AT_ONCE = Budget(256, 2**12)


class HiddenMask(nn.Module):
    """A fully-connected network whose hidden activation is multiplied by what stands beside each input."""

    def __init__(self, network: FullyConnected, after: int):
        super().__init__()
        self.network, self._after = network, after

    def forward(self, given: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the outputs (n, C) from inputs (n, d) and factors (n, m_k)."""
        x, factors = given
        for number, layer in enumerate(self.network.layers, 1):
            x = layer(x)
            if number < self.network.depth:
                x = self.network.activate(x)
            if number == self._after:
                x = x * factors
        return x


@dataclass(frozen=True)
class NumberedStream:
    """A layer's masks of some examples by their numbers, whether or not these follow each other."""

    stream: MaskStream
    numbers: list[int]

    def masked(self, x: Tensor, draw: Draw, keep_prob: float, _: int) -> Tensor:
        """Mask the examples' activations, (n, units), one after the other, as ``MaskStream.masked`` does."""
        rows = zip(x.split(1), self.numbers, strict=True)
        return torch.cat([self.stream.masked(row, draw, keep_prob, number) for row, number in rows])


class FrozenMasks(nn.Module):
    """A network under one draw of all its masks, a fixed function of examples and their numbers."""

    def __init__(self, network: nn.Module, masks: ModuleMasks, draw: int):
        super().__init__()
        self.network, self._masks, self._draw = network, masks, draw

    def forward(self, given: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the outputs (n, C) from inputs (n, ...) and numbers (n,); fastest where these rise by one."""
        x, numbers = given
        masks = self._masks
        if bool((numbers.diff() != 1).any()):
            masks, of_layer, chosen = copy(masks), masks.stream, numbers.tolist()
            masks.stream = lambda layer: NumberedStream(of_layer(layer), chosen)
        with masks_in_force(self.network, masks, self._draw, int(numbers[0])):
            return self.network(x)


def dropout_loss_hessian(
    network: nn.Module, settings: Mapping[str, Any], examples: Examples, seed: int, purpose: str, draws: int
) -> Tensor:
    """Compute the block's Hessian of L_S, (P, P) float32, as the mean over ``draws`` of all examples' masks.

    The network is one of ``load_networks`` with dropout; settings are the run's, with the ``keep_prob`` to mask with.
    """
    risk, total = run_risk(settings, examples), 0
    named = isinstance(by_name(risk), str)  # without label smoothing
    for draw in range(draws):
        if has_one_hidden_mask(settings) and named and settings["model"].get("activation", "relu") in PIECEWISE_LINEAR:
            factors = _hidden_factors(network, settings, examples, seed, purpose, draw)
            layer = dense_layer_of_block(settings["block"])
            masks = {settings["dropout_after"]: factors}
            total = total + kronecker_hessian(network, *layer, examples.train_inputs, settings["loss"], masks=masks)
        else:
            masked, block, inputs = _masked(network, settings, examples, seed, purpose, draw)
            total = total + block_hessian(masked, block, (inputs, examples.train_targets), risk).matrix
    return total / draws


def per_example_covariance(
    network: nn.Module, settings: Mapping[str, Any], examples: Examples, seed: int, purpose: str, draws: int
) -> Tensor:
    """Compute the covariance, (P, P) float32, of the block's gradient of one example's loss under masks of its own.

    Arguments are those of ``dropout_loss_hessian``; the block is one dense or convolutional layer's weight.
    """
    risk, moment, mean = run_risk(settings, examples), 0, 0
    for draw in range(draws):
        masked, block, inputs = _masked(network, settings, examples, seed, purpose, draw)
        second, first = gradient_moments(masked, block, inputs, examples.train_targets, risk)
        moment, mean = moment + second / draws, mean + first / draws
    return moment.addr_(mean, mean, alpha=-1)


def gradient_moments(
    model: nn.Module, block: Sequence[str], inputs: Inputs, targets: Tensor, loss: PerExampleLoss
) -> tuple[Tensor, Tensor]:
    """Compute the second moment (P, P) and the mean (P,) of the examples' gradients of the block, float32."""
    refuse_other_readings(model, block, inputs, piecewise_linear=False)
    network, n = OpenNetwork(model, block, inputs, torch.float32), count(inputs)
    at_once = EXAMPLES_AT_ONCE.on(targets.device)
    second = torch.zeros(network.size, network.size, device=targets.device)
    first = torch.zeros(network.size, device=targets.device)
    for start in range(0, n, at_once):
        chunk = slice(start, start + at_once)
        opened = network.run(chunk)
        total = loss(opened.outputs, targets[chunk]).sum()
        rows = opened.to_block(torch.autograd.grad(total, opened.pre_activation)[0])
        second.addmm_(rows.T, rows)
        first += rows.sum(dim=0)
    return second.div_(n), first.div_(n)


def _masked(
    network: nn.Module, settings: Mapping[str, Any], examples: Examples, seed: int, purpose: str, draw: int
) -> tuple[nn.Module, list[str], Inputs]:
    """The network under one draw, its block and its inputs."""
    block, x = [f"network.{name}" for name in settings["block"]], examples.train_inputs
    if has_one_hidden_mask(settings):
        factors = _hidden_factors(network, settings, examples, seed, purpose, draw)
        return HiddenMask(network, settings["dropout_after"]), block, (x, factors.T.contiguous())
    set_keep_prob(network, keep_probs(settings))
    numbers = torch.arange(len(x), device=x.device)
    return FrozenMasks(network, ModuleMasks(seed, "noise", purpose), draw), block, (x, numbers)


def _hidden_factors(
    network: FullyConnected, settings: Mapping[str, Any], examples: Examples, seed: int, purpose: str, draw: int
) -> Tensor:
    """Scaled masks of the one hidden layer, (m_k, n), each example with its own."""
    keep_prob, x = settings["keep_prob"], examples.train_inputs
    shape = network.widths[settings["dropout_after"]], len(x)
    return LayerMasks(keep_prob, shape, seed, "noise", purpose, device=x.device).mask(draw).to(x.dtype) / keep_prob
