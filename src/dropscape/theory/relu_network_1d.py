"""Two-layer ReLU networks of one input with a linear term (paper B, Theorem 1), float64.

``f(x) = sum_j a_j relu(w_j x + b_j) + slope x + constant``. Dropout acts on the neurons, not on the linear term. Where
neuron j is active its share of the output is the linear function ``g_j(x) = p_j x + q_j`` with ``p_j = a_j w_j`` and
``q_j = a_j b_j``; its intercept point is ``t_j = -b_j/w_j`` and its direction the sign of ``w_j`` (Definition 5). There
the slope of f changes by ``c_j = a_j |w_j|``, so convexity changes (Definition 4) are sign changes of c in the order of
the intercepts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dropscape.dropout.masks import mask_variance


@dataclass(frozen=True)
class ReluNetwork1d:
    """A network of m neurons."""

    a: NDArray  # output weight of each neuron, shape (m,)
    w: NDArray  # input weight, not 0
    b: NDArray  # bias
    slope: float  # of the linear term
    constant: float

    @property
    def intercepts(self) -> NDArray:
        """t_j, shape (m,)."""
        return -self.b / self.w

    @property
    def directions(self) -> NDArray:
        """1.0 for a neuron that is active to the right of its intercept, -1.0 for one to the left, shape (m,)."""
        return np.sign(self.w)

    @property
    def slope_changes(self) -> NDArray:
        """c_j, by how much the slope of f rises at t_j, shape (m,)."""
        return self.a * np.abs(self.w)

    def neuron_outputs(self, x: NDArray) -> NDArray:
        """The neurons' shares of the outputs, shape (n, m)."""
        return self.a * np.maximum(np.multiply.outer(x, self.w) + self.b, 0.0)

    def outputs(self, x: NDArray) -> NDArray:
        """f(x), shape (n,)."""
        return self.neuron_outputs(x).sum(axis=1) + self.slope * x + self.constant

    def described(self, x: NDArray) -> str:
        """The function and the data points (n,) in words, to four digits."""
        neurons = [f"{a:+.4g} relu({w:.4g} x {b:+.4g})" for a, w, b in zip(self.a, self.w, self.b, strict=True)]
        linear = [f"{self.slope:+.4g} x {self.constant:+.4g}"] if self.slope or self.constant else []
        return f"f(x) = {' '.join([*neurons, *linear])} at x = {', '.join(f'{value:.4g}' for value in x)}"

    def r1(self, x: NDArray, keep_prob: float) -> float:
        """R_1 = (1-p)/(2np) sum_i sum_j g_j(x_i)^2 over the active neurons (paper B, eq. 4)."""
        return mask_variance(keep_prob) * float((self.neuron_outputs(x) ** 2).sum()) / (2 * len(x))


def risk(network: ReluNetwork1d, x: NDArray, y: NDArray) -> float:
    """R_S = (1/2n) sum_i (f(x_i) - y_i)^2."""
    return float(((network.outputs(x) - y) ** 2).mean() / 2)


def intervals(network: ReluNetwork1d, x: NDArray) -> NDArray:
    """How many of the sorted data points are at most t_j: i for an intercept in [x_i, x_(i+1)), shape (m,).

    Points are counted from 1, as in the paper; 0 and n stand for intercepts before the first and from the last on.
    """
    return np.searchsorted(x, network.intercepts, side="right")


def convexity_changes(network: ReluNetwork1d, low: float, high: float) -> int:
    """Number of convexity changes of f in the open interval (low, high) (Definition 4), exactly from the parameters.

    Neurons with equal intercepts make one slope change; where these cancel there is none.
    """
    inside = (network.intercepts > low) & (network.intercepts < high)
    _, place = np.unique(network.intercepts[inside], return_inverse=True)
    return _sign_changes(np.bincount(place, weights=network.slope_changes[inside]))


def min_convexity_changes(network: ReluNetwork1d, x: NDArray) -> int:
    """The fewest convexity changes that any function through the network's outputs at ``x`` has in (x_1, x_n).

    The second divided difference of the outputs at an inner data point is the sum of the slope changes weighted with
    the hat function of that point. So where two of these differ in sign so do two slope changes, whatever the function;
    the linear interpolant changes as often as they do. From the slope changes they are exact zeros where there is no
    slope change. The data points (n,) are sorted, no two are equal.
    """
    t = network.intercepts
    rising = (t[:, None] - x[:-2]) / (x[1:-1] - x[:-2])
    falling = (x[2:] - t[:, None]) / (x[2:] - x[1:-1])
    return _sign_changes(network.slope_changes @ np.maximum(np.minimum(rising, falling), 0.0))


def _sign_changes(values: NDArray) -> int:
    signs = np.sign(values[values != 0])
    return int((signs[1:] != signs[:-1]).sum())
