"""Two-layer networks f(x) = sum_r a_r sigma(w_r . x) with outputs in R^k, T trials at once (paper C, section 3.2).

A trial is one set of parameters; all trials see the same sample. Units-major: a hidden activation is (T, m, n), so the
products with the inputs are one matrix product for all trials. Everything has the dtype of the parameters and runs
where they are; the inputs carry a column of ones where the units have biases (``with_ones``).

The gradients of section 4 and 5.1 are all of one form. Write ``h_ri = sigma(w_r . x_i)``, ``g_ri = a_r h_ri``,
``e_i = f(x_i) - y_i``, ``q_r = (a_r, w_r)`` and

    C_r = (1/n) sum_i (dg_ri/dq_r)^T e_i,     the gradient of the risk R_S,
    M_rj = (1/n) sum_i (dg_ri/dq_r)^T g_ji,   the change of C_r as unit j's share of the output grows.

Then ``gradient`` is ``alpha_r C_r + sum_j beta_rj M_rj``, and the risk R_S, the modified loss, a dropout step and its
Gaussian noise differ in the coefficients ``alpha`` and ``beta`` only. In coordinates, with k outputs,

    M_rj for a_r:  (1/n) sum_i h_ri h_ji a_j,        M_rj for w_r:  (1/n) sum_i sigma'_ri (a_r . a_j) h_ji x_i,

so the sum over j is ``(beta * H H^T / n) A`` for the output weights, and for the input weights
``(beta * A A^T) H`` takes the place of the error signal ``A e`` that backpropagation multiplies by sigma' and X.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from dropscape.equations.activations import Activation
from dropscape.numerics.products import product

CHUNK = 1000  # examples at a time where nothing but the outputs is wanted


class Parameters(NamedTuple):
    """Parameters of T trials, or a direction or gradient in their space."""

    a: Tensor  # output weights (T, m, k)
    w: Tensor  # input weights (T, m, d), the bias being that of the column of ones

    def add_scaled(self, direction: "Parameters", step: float) -> "Parameters":
        """``self + step * direction``."""
        return Parameters(self.a.add(direction.a, alpha=step), self.w.add(direction.w, alpha=step))

    def vectors(self) -> Tensor:
        """Theta = vec(q_1, ..., q_m) with q_r = (a_r, w_r), as the paper orders it: (T, m (k + d))."""
        return torch.cat([self.a, self.w], dim=-1).flatten(1)

    def expanded(self, trials: int) -> "Parameters":
        """One trial's parameters, given to all of ``trials`` as copies."""
        return Parameters(*(value.expand(trials, -1, -1).contiguous() for value in self))


def two_layers(weights: Sequence[Tensor]) -> Parameters:
    """The weights of a network with one hidden layer as the equations' parameters."""
    w, a = weights
    return Parameters(a.mT.contiguous(), w)


@dataclass(frozen=True)
class Sample:
    """S = {(x_i, y_i)}, of the parameters' dtype."""

    inputs: Tensor  # (n, d)
    targets: Tensor  # (n, k)


def with_ones(inputs: Tensor) -> Tensor:
    """(n, d) -> (n, d + 1): the column of ones with which ``w_r . x`` contains the bias b_r (section 3.2)."""
    return torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)


@dataclass(frozen=True)
class ForwardPass:
    """A forward pass of T trials."""

    parameters: Parameters
    sample: Sample
    activation: Activation
    preactivations: Tensor  # w_r . x_i, (T, m, n)
    # The hidden activations h_ri and below them the residuals e_i, (T, m + k, n): products with both are then one.
    states: Tensor
    slopes: Tensor  # sigma'(w_r . x_i), (T, m, n)

    @property
    def hidden(self) -> Tensor:
        """H, (T, m, n)."""
        return self.states[:, : self.parameters.a.shape[1]]

    @property
    def residuals(self) -> Tensor:
        """f(x_i) - y_i, (T, k, n)."""
        return self.states[:, self.parameters.a.shape[1] :]


def forward(parameters: Parameters, sample: Sample, activation: Activation, mask: Tensor | None = None) -> ForwardPass:
    """Hidden activations, slopes and residuals; under a mask (T, m) with entries 0 or 1/p those of eq. (4).

    The mask multiplies the units' shares of the output; hidden activations are those without it.
    """
    a, w = parameters
    trials, units, outputs = a.shape
    preactivations = product(w.flatten(0, 1), sample.inputs.T).view(trials, units, -1)
    states = w.new_empty(trials, units + outputs, preactivations.shape[-1])
    hidden = states[:, :units].copy_(activation.value(preactivations))
    scaled = a if mask is None else a * mask[..., None]
    torch.sub(scaled.mT @ hidden, sample.targets.T, out=states[:, units:])
    return ForwardPass(parameters, sample, activation, preactivations, states, activation.slope(preactivations, hidden))


def by_trial(left: Tensor, right: Tensor) -> Tensor:
    """(T, i, j) @ (T, j, l); or (1, j, l) on the right, which is one matrix product instead of T."""
    if len(right) > 1:
        return left @ right
    return product(left.flatten(0, 1), right[0]).view(*left.shape[:2], -1)


def input_gradient(passed: ForwardPass, signal: Tensor) -> Tensor:
    """(1/n) sum_i signal_ri x_i, (T, m, d), of what stands for n dR/dz_ri, (T, m, n)."""
    inputs = passed.sample.inputs
    return product(signal.flatten(0, 1), inputs).div_(len(inputs)).view(*signal.shape[:2], -1)


def gradient(passed: ForwardPass, alpha: Tensor, beta: Tensor | None = None) -> Parameters:
    """``alpha_r C_r + sum_j beta_rj M_rj`` of the module's text.

    Arithmetic: T n m (m + d) multiplications for one output, T n m (2 m + d) for more, however many; without
    ``beta`` T n m d. T coefficients at a pass of one trial give T gradients at the same parameters.

    Args:
        alpha: (T, m).
        beta: (T, m, m); None where all are zero.
    """
    a, n = passed.parameters.a, passed.preactivations.shape[-1]
    units, outputs = a.shape[1:]
    if beta is None:
        signal = by_trial(a * alpha[..., None], passed.residuals)
        output = alpha[..., None] * by_trial(passed.hidden, passed.residuals.mT)
    elif outputs == 1:
        # Both parts need the same numbers: what unit r sees as the error of the output.
        errors = by_trial(torch.cat([beta * a.mT, alpha[..., None]], dim=-1), passed.states)
        output = (passed.hidden * errors).sum(-1, keepdim=True)
        signal = errors.mul_(a)
    else:
        signal = by_trial(torch.cat([beta * (a @ a.mT), alpha[..., None] * a], dim=-1), passed.states)
        moments = passed.hidden @ passed.states.mT
        output = by_trial(beta * moments[..., :units], a) + alpha[..., None] * moments[..., units:]
    return Parameters(output / n, input_gradient(passed, signal.mul_(passed.slopes)))


def hessian_trace(passed: ForwardPass) -> Tensor:
    """Tr H of the risk without dropout (eq. 1), (T,) float64; where sigma'' does not exist (relu) it counts as 0.

    Only the w_r have second derivatives with respect to themselves, so that

        n tr H = sum_i sum_r [k h_ri^2 + |x_i|^2 (|a_r|^2 sigma'_ri^2 + (a_r . e_i) sigma''_ri)].
    """
    a, hidden, slopes = passed.parameters.a, passed.hidden, passed.slopes
    curvatures = passed.activation.curvature(passed.preactivations, hidden, slopes)
    squares = passed.sample.inputs.square().sum(dim=1)
    bent = a.square().sum(-1, keepdim=True) * slopes.square() + by_trial(a, passed.residuals) * curvatures
    total = a.shape[2] * hidden.square() + squares * bent
    return total.sum(dim=(1, 2), dtype=torch.float64) / len(squares)


def losses_and_accuracies(parameters: Parameters, sample: Sample, activation: Activation) -> tuple[Tensor, Tensor]:
    """R_S of eq. (1) and the share of examples whose largest output is the largest target, (T,) float64 each.

    The accuracy is NaN where there is one output only.
    """
    a, w = parameters

    def outputs(inputs: Tensor) -> Tensor:
        return a.mT @ activation.value(product(w.flatten(0, 1), inputs.T).view(*w.shape[:2], -1))

    losses, accuracies = measured(outputs, sample)
    return losses, accuracies if a.shape[2] > 1 else torch.full_like(accuracies, torch.nan)


def measured(outputs: Callable[[Tensor], Tensor], sample: Sample) -> tuple[Tensor, Tensor]:
    """R_S and accuracy on the sample of T networks with ``outputs`` (T, k, b) for inputs (b, d), (T,) float64 each."""
    losses = right = torch.zeros((), dtype=torch.float64)
    for inputs, targets in zip(sample.inputs.split(CHUNK), sample.targets.split(CHUNK), strict=True):
        found = outputs(inputs)
        losses = losses + (found - targets.T).square().sum(dim=(1, 2), dtype=torch.float64) / 2
        right = right + (found.argmax(dim=1) == targets.argmax(dim=1)).sum(dim=1)
    return losses / len(sample.inputs), right / len(sample.inputs)
