"""How the trace of the Hessian changes along the gradient flow of R_S + R_1 (paper B, Theorem 2), float64.

Two-layer networks without biases, ``f(x) = sum_j a_j act(w_j . x)``, many of one size at once. Where R_S = 0 the
Hessian's trace is ``T = (1/n) sum_i |grad f(x_i)|^2`` (section VII.B), and the gradient of R_S vanishes, so that
``dT/dt = -<grad T, grad R_1>``. For ReLU, with ``h_ij = relu(w_j . x_i)`` and almost everywhere,

    T   = (1/n) sum_ij (h_ij^2 + a_j^2 1[h_ij > 0] |x_i|^2),   R_1 = (s/2n) sum_ij a_j^2 h_ij^2,   s = (1-p)/p,
    dT/dt = -(2s/n^2) sum_j a_j^2 (B_j S_j + |v_j|^2),   B_j = sum_i 1[h_ij > 0] |x_i|^2,   S_j = sum_i h_ij^2,
    v_j = sum_i h_ij x_i.

No term is positive and one is negative wherever grad R_1 is not 0: the theorem holds, for every width, dimension, data
set and keep probability. It is a statement about one instant between kinks. Along the flow T jumps up by
``a_j^2 |x_i|^2 / n`` wherever neuron j becomes active on example i, so T need not fall over a finite time. For another
activation T has the further term ``(1/n) sum_ij a_j^2 act'^2 |x_i|^2`` that depends on w_j, and the sign is open.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.func import grad

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "tanh": torch.tanh}


@dataclass(frozen=True)
class Networks:
    """N networks of one size on their data, all float64."""

    a: Tensor  # output weights, shape (N, m)
    w: Tensor  # input weights, shape (N, m, d)
    x: Tensor  # inputs, shape (N, n, d)
    y: Tensor  # targets, shape (N, n)
    strength: Tensor  # s = (1-p)/p of each network, shape (N,)
    activation: str  # a key of ``ACTIVATIONS``


def hidden(networks: Networks) -> Tensor:
    """act(w_j . x_i), shape (N, n, m)."""
    return ACTIVATIONS[networks.activation](networks.x @ networks.w.mT)


def outputs(networks: Networks) -> Tensor:
    """f(x_i), shape (N, n)."""
    return (hidden(networks) * networks.a[:, None, :]).sum(-1)


def risk(networks: Networks) -> Tensor:
    """R_S = (1/2n) sum_i (f(x_i) - y_i)^2, shape (N,)."""
    return ((outputs(networks) - networks.y) ** 2).mean(-1) / 2


def r1(networks: Networks) -> Tensor:
    """R_1 = (s/2n) sum_ij (a_j h_ij)^2 (eq. 4), shape (N,)."""
    per_unit = hidden(networks) * networks.a[:, None, :]
    return networks.strength * (per_unit**2).sum(-1).mean(-1) / 2


def trace(networks: Networks) -> Tensor:
    """T = (1/n) sum_i |grad f(x_i)|^2, the Hessian's trace where R_S = 0, shape (N,)."""
    before = networks.x @ networks.w.mT
    activation = ACTIVATIONS[networks.activation]
    slope = grad(lambda z: activation(z).sum())(before)
    lengths = (networks.x**2).sum(-1, keepdim=True)
    return (activation(before) ** 2 + (networks.a[:, None, :] * slope) ** 2 * lengths).sum(-1).mean(-1)


def gradient(of: Callable[[Networks], Tensor], networks: Networks) -> tuple[Tensor, Tensor]:
    """The gradients with respect to a and w of each network's own value, shapes (N, m) and (N, m, d)."""
    return grad(lambda a, w: of(replace(networks, a=a, w=w)).sum(), argnums=(0, 1))(networks.a, networks.w)


def trace_derivative(networks: Networks) -> Tensor:
    """dT/dt = -<grad T, grad (R_S + R_1)> by automatic differentiation, any activation and R_S, shape (N,)."""
    of_trace, of_loss = gradient(trace, networks), gradient(_loss, networks)
    return -sum((one * other).flatten(1).sum(1) for one, other in zip(of_trace, of_loss, strict=True))


def relu_trace_derivative(networks: Networks) -> Tensor:
    """dT/dt where R_S = 0, in the closed form of the module's text (ReLU only), shape (N,)."""
    h = hidden(networks)
    reached = (h > 0).to(h.dtype).mT @ (networks.x**2).sum(-1, keepdim=True)
    squares = (h**2).sum(1)
    directions = h.mT @ networks.x
    terms = networks.a**2 * (reached[..., 0] * squares + (directions**2).sum(-1))
    return -2 * networks.strength / networks.x.shape[1] ** 2 * terms.sum(-1)


def flowed(networks: Networks, time: Tensor, steps: int) -> Networks:
    """The networks after ``time`` (shape (N,)) of the gradient flow of R_S + R_1, by ``steps`` Runge-Kutta steps.

    Of fourth order between kinks; each network takes steps of its own size.
    """
    step = time / steps

    def velocity(a: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        of_a, of_w = gradient(_loss, replace(networks, a=a, w=w))
        return -step[:, None] * of_a, -step[:, None, None] * of_w

    a, w = networks.a, networks.w
    for _ in range(steps):
        k1 = velocity(a, w)
        k2 = velocity(a + k1[0] / 2, w + k1[1] / 2)
        k3 = velocity(a + k2[0] / 2, w + k2[1] / 2)
        k4 = velocity(a + k3[0], w + k3[1])
        a = a + (k1[0] + 2 * k2[0] + 2 * k3[0] + k4[0]) / 6
        w = w + (k1[1] + 2 * k2[1] + 2 * k3[1] + k4[1]) / 6
    return replace(networks, a=a, w=w)


def _loss(networks: Networks) -> Tensor:
    return risk(networks) + r1(networks)
