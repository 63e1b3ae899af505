"""In which sense dropout follows the flow of R_S + R_1 + R_2 (paper B, section IV and eq. 6), by enumeration, float64.

Networks ``f(x) = sum_j a_j tanh(w_j x + b_j) + c`` are so small that all masks are taken and every mean is exact. A
step is ``theta - epsilon grad R_S^drop(theta, eta)``.

``R_2 = (epsilon/4) E|grad R_S^drop|^2 = (epsilon/4) (|grad (R_S + R_1)|^2 + Tr Sigma)``, with the covariance Sigma of
the gradient, which the mask mode decides: independent masks of examples average out, one mask for all does not.

- After one step with a fresh mask the mean iterate is ``theta - epsilon grad (R_S + R_1)``. Up to epsilon^3 that is the
  flow of ``R_S + R_1 + (epsilon/4) |grad (R_S + R_1)|^2``: Tr Sigma does not belong to it.
- After an epoch in which every mask comes once, in random order, the flow with R_2 is right up to epsilon^3. This is
  how Smith et al. (the paper's [33]) draw batches: a step makes good what the others of its epoch did.
- After a given time no loss of the parameters alone is right beyond the first order: noise spreads the iterates by some
  epsilon Sigma, and the mean of the gradient over these is not the gradient at their mean.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad

from dropscape.dropout.masks import mask_variance
from dropscape.theory.enumeration import all_masks

Loss = Callable[[Tensor], Tensor]  # of parameters (..., P): one number for each, (...)


@dataclass(frozen=True)
class Dropout:
    """Dropout of the m hidden units of a small network on n examples, in one mask mode, float64."""

    x: Tensor  # inputs, shape (n,)
    y: Tensor  # targets, shape (n,)
    masks: Tensor  # every value of 1 + eta, shape (M, n, m), or (M, 1, m) where the examples share it
    probabilities: Tensor  # of each, shape (M,)
    keep_prob: float

    @classmethod
    def of(cls, x: Tensor, y: Tensor, units: int, keep_prob: float, mask_mode: str) -> "Dropout":
        """All masks of ``shared`` or ``per_example``."""
        rows = 1 if mask_mode == "shared" else len(x)
        masks, probabilities = all_masks(rows * units, keep_prob)
        return cls(x, y, masks.reshape(-1, rows, units), probabilities, keep_prob)

    def noisy_risk(self, theta: Tensor, masks: Tensor) -> Tensor:
        """R_S^drop (...) of parameters w, b, a and c, (..., 3m + 1), under masks (..., n or 1, m)."""
        output = (self._shares(theta) * masks).sum(-1) + theta[..., -1:]
        return (output - self.y).square().mean(-1) / 2

    def risk(self, theta: Tensor) -> Tensor:
        """R_S."""
        return self.noisy_risk(theta, torch.ones_like(self.masks[0]))

    def risk_plus_r1(self, theta: Tensor) -> Tensor:
        """R_S + R_1 (eq. 4)."""
        return self.risk(theta) + mask_variance(self.keep_prob) / 2 * self._shares(theta).square().sum(-1).mean(-1)

    def mean_risk(self, theta: Tensor) -> Tensor:
        """E R_S^drop, over all masks."""
        return self.noisy_risk(theta[..., None, :], self.masks) @ self.probabilities

    def noisy_gradients(self, theta: Tensor) -> Tensor:
        """The gradients of R_S^drop under every mask, shape (..., M, P)."""
        each = theta[..., None, :].expand(*theta.shape[:-1], len(self.masks), theta.shape[-1])
        return gradient(lambda parameters: self.noisy_risk(parameters, self.masks), each)

    def with_r2(self, theta: Tensor, rate: float) -> Tensor:
        """R_S + R_1 + R_2 (eq. 6) at a learning rate."""
        mean_square = self.noisy_gradients(theta).square().sum(-1) @ self.probabilities
        return self.risk_plus_r1(theta) + rate / 4 * mean_square

    def with_square(self, theta: Tensor, rate: float) -> Tensor:
        """R_S + R_1 + (rate/4) |grad (R_S + R_1)|^2, R_2 without the trace of the noise."""
        return self.risk_plus_r1(theta) + rate / 4 * gradient(self.risk_plus_r1, theta).square().sum(-1)

    def _shares(self, theta: Tensor) -> Tensor:
        """a_j tanh(w_j x_i + b_j), shape (..., n, m)."""
        w, b, a = theta[..., :-1].unflatten(-1, (3, 1, -1)).unbind(-3)
        return a * torch.tanh(self.x[:, None] * w + b)


def gradient(loss: Loss, theta: Tensor) -> Tensor:
    """The gradients (..., P) of a loss at each of the parameters (..., P)."""
    return grad(lambda parameters: loss(parameters).sum())(theta)


def mean_iterate(dropout: Dropout, theta: Tensor, rate: float, steps: int) -> Tensor:
    """The mean (N, P) of the iterates that start at ``theta`` (N, P), over all masks of ``steps`` steps, drawn anew."""
    iterates, weights = theta[:, None], torch.ones(1, dtype=theta.dtype)
    for _ in range(steps - 1):
        iterates = (iterates[..., None, :] - rate * dropout.noisy_gradients(iterates)).flatten(1, 2)
        weights = torch.outer(weights, dropout.probabilities).flatten()
    # The last step is linear in its mask's gradient, of which only the mean is needed.
    last = iterates - rate * gradient(dropout.mean_risk, iterates)
    return weights @ last


def mean_epoch(dropout: Dropout, theta: Tensor, rate: float) -> Tensor:
    """The mean (N, P) of the iterates after every mask came once, over all M! orders."""
    ends = []
    for order in itertools.permutations(dropout.masks):
        end = theta
        for mask in order:
            end = end - rate * gradient(lambda parameters, mask=mask: dropout.noisy_risk(parameters, mask), end)
        ends.append(end)
    return torch.stack(ends).mean(0)


def flow(loss: Loss, theta: Tensor, time: float, parts: int = 4) -> Tensor:
    """Follow minus the gradient of the loss from ``theta`` (N, P) by the Runge-Kutta rule of fourth order."""
    h = time / parts
    for _ in range(parts):
        k1 = -gradient(loss, theta)
        k2 = -gradient(loss, theta + h / 2 * k1)
        k3 = -gradient(loss, theta + h / 2 * k2)
        k4 = -gradient(loss, theta + h * k3)
        theta = theta + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return theta
