"""Perturbations of a network's intercepts that keep its outputs at the data and lower R_1 (paper B, Theorem 1).

On a neuron's active data points its share of the output is linear, ``g_j(x) = p_j x + q_j``. As long as no intercept
passes a data point, adding ``u_j(x) = dp_j x + dq_j`` to it changes the outputs by u_j there and nowhere else, and R_1
is a quadratic, convex function of all (p, q). Both cases of the theorem are perturbations of two neurons:

Case (ii). Two neurons of one direction with intercepts in one interval have the same active data points. Adding
``(g_k - g_j)/2`` to g_j and taking it from g_k makes them equal; for data points x_i their squares sum to
``(G_i^2 + d_i^2)/2``, with ``G = g_j + g_k`` fixed and ``d = g_j - g_k`` falling to 0. With two active data points or
more, as in an inner interval, d is 0 there only if the intercepts are equal.

Case (i). Let g_j bend upwards and g_k downwards, their intercepts in one interval or in two neighbouring ones. Take
``eps relu(s (x - t))`` from the first and give it to the second, s being the direction of each and the pivot t any
point between the intercepts in their interval, or the data point between their intervals. Both become smaller in
modulus at every active data point but the pivot, and the intercepts move apart. What is taken and what is given differ
by 0 if the directions are equal and by the linear function ``+-eps (x - t)`` if not, which the linear term absorbs:
this is what the paper's Remark 2 is about.

If a network has more convexity changes than its outputs need, there are two such neurons. Proof: otherwise all
intercepts inside one interval, or inside two neighbouring ones, bend the same way, so each run of slope changes of one
sign has a data point whose hat function meets that run alone, and the second differences of the outputs change sign as
often as the slope changes do. (With intercepts on data points there is a perturbation as well; the tests look for one.)
So case (i) is true as stated. Case (ii) is not, in two corners:

- Neither neuron has an effect, a_j = a_k = 0: then R_1 does not depend on their intercepts.
- The intercepts are the two ends of the interval, which the theorem's ``[x_i, x_(i+1)]`` includes, and bend opposite
  ways (``COUNTEREXAMPLE``). Linear interpolation is in this corner wherever it bends opposite ways at neighbouring
  points.

Rescaling (a_j, w_j, b_j) to (a_j/k, k w_j, k b_j) changes neither f nor R_1, so perturbations leave w as it is.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from dropscape.theory.relu_network_1d import ReluNetwork1d, intervals

_ROUNDING = 1e-10
COUNTEREXAMPLE = (
    np.arange(4.0),
    ReluNetwork1d(np.array([1.0, -1.0]), np.ones(2), np.array([-1.0, -2.0]), slope=0.0, constant=0.0),
)
"""Data points and f(x) = relu(x - 1) - relu(x - 2): nothing near it with the outputs 0, 0, 1, 1 has a smaller R_1.

The intercepts are x_2 and x_3. A perturbation changes the neurons' outputs where they are active by u_1(2), u_1(3) and
u_2(3), and by ``v = max(0, u_1(1)) >= 0`` and ``z = min(0, u_2(2)) <= 0`` where an intercept turns over its data point.
The outputs at 0 and 1 are kept if the linear term gains ``-v x``, those at 2 and 3 if ``u_1(2) = 2v - z`` and
``u_1(3) + u_2(3) = 3v``. Since u_1 is linear, ``v >= 2 u_1(2) - u_1(3)``. The neurons' squares, 1, 4 and 1, then gain
the squares of the changes and twice ``u_1(2) + 2 u_1(3) - u_2(3) = u_1(2) + 3 u_1(3) - 3v``, which is at least
``7 u_1(2) - 6v = 8v - 7z >= 0``.
"""


@dataclass(frozen=True)
class Perturbation:
    """A straight line in (p, q, slope, constant): at tau the network has ``p + tau dp`` and so on."""

    dp: NDArray  # of all neurons, shape (m,)
    dq: NDArray
    slope: float = 0.0  # of the linear term
    constant: float = 0.0


def perturbed(network: ReluNetwork1d, perturbation: Perturbation, tau: float) -> ReluNetwork1d:
    """The network at ``tau``, with the same input weights; an output weight must not pass 0 on the way."""
    a = network.a + tau * perturbation.dp / network.w
    products = network.a * network.b + tau * perturbation.dq
    # A neuron without output weight keeps its bias: it does not change.
    b = np.divide(products, a, out=network.b.copy(), where=a != 0)
    return replace(
        network,
        a=a,
        b=b,
        slope=network.slope + tau * perturbation.slope,
        constant=network.constant + tau * perturbation.constant,
    )


def derivative(network: ReluNetwork1d, perturbation: Perturbation, x: NDArray) -> float:
    """The derivative of ln R_1 in tau at tau = 0: 2 sum g_j u_j / sum g_j^2 over active data points."""
    neuron_outputs = network.neuron_outputs(x)
    changes = np.multiply.outer(x, perturbation.dp) + perturbation.dq
    return 2 * float((neuron_outputs * changes).sum() / (neuron_outputs**2).sum())


def largest_step(network: ReluNetwork1d, perturbation: Perturbation, x: NDArray) -> float:
    """The largest tau up to which all outputs are kept because no intercept passes a data point.

    0 where an output changes at once, since an intercept on a data point turns to the wrong side of it; infinite if no
    intercept ever passes a point.
    """
    signs = np.sign(network.a)
    shares = np.multiply.outer(x, network.a * network.w) + network.a * network.b
    changes = np.multiply.outer(x, perturbation.dp) + perturbation.dq
    # Above 0 where a neuron is active.
    values, directions = signs * shares, signs * changes
    active = (values > 0) | ((values == 0) & (directions > 0))
    at_once = (active * changes).sum(axis=1) + perturbation.slope * x + perturbation.constant
    if np.abs(at_once).max() > _ROUNDING * np.abs(changes).max():
        return 0.0
    leaving = np.where(values > 0, directions < 0, (values < 0) & (directions > 0))
    return float(np.min(-values[leaving] / directions[leaving], initial=math.inf))


def case_ii_perturbation(network: ReluNetwork1d, j: int, k: int) -> Perturbation:
    """Case (ii): at tau = 1 the two neurons are equal, half of their sum each."""
    dp, dq = np.zeros_like(network.a), np.zeros_like(network.a)
    for values, parameter in ((dp, network.w), (dq, network.b)):
        half = (network.a[k] * parameter[k] - network.a[j] * parameter[j]) / 2
        values[j], values[k] = half, -half
    return Perturbation(dp, dq)


def case_i_perturbation(network: ReluNetwork1d, up: int, down: int, pivot: float) -> Perturbation:
    """Case (i): takes ``tau min(|c_up|, |c_down|) relu(s (x - pivot))`` from one neuron and gives it to the other.

    ``up`` bends upwards and ``down`` downwards; the pivot lies between their intercepts.
    """
    slope_changes, directions = np.abs(network.slope_changes), network.directions
    size = min(slope_changes[up], slope_changes[down])
    dp, dq = np.zeros_like(network.a), np.zeros_like(network.a)
    dp[up], dp[down] = -size * directions[up], size * directions[down]
    dq[:] = -pivot * dp
    slope = size * float(directions[up] - directions[down]) / 2
    return Perturbation(dp, dq, slope, -pivot * slope)


def case_ii_perturbations(network: ReluNetwork1d, x: NDArray) -> Iterator[Perturbation]:
    """Every perturbation of case (ii): same direction, different intercepts in one inner interval (2 <= i <= n-2)."""
    place, t = intervals(network, x), network.intercepts
    for j, k in itertools.combinations(range(len(t)), 2):
        inner = place[j] == place[k] and 2 <= place[j] <= len(x) - 2
        if inner and network.directions[j] == network.directions[k] and t[j] != t[k]:
            yield case_ii_perturbation(network, j, k)


def case_i_perturbations(network: ReluNetwork1d, x: NDArray) -> Iterator[Perturbation]:
    """Every perturbation of case (i): opposite slope changes, intercepts in (x_1, x_n) at most one interval apart.

    Within one interval the pivot is half way between the intercepts.
    """
    place, t, slope_changes = intervals(network, x), network.intercepts, network.slope_changes
    inside = [j for j in range(len(t)) if x[0] < t[j] < x[-1]]
    for up, down in itertools.product(inside, inside):
        if not slope_changes[up] > 0 > slope_changes[down]:
            continue
        first, last = sorted((place[up], place[down]))
        if last - first < 2:
            yield case_i_perturbation(network, up, down, float((t[up] + t[down]) / 2 if first == last else x[first]))


def min_relative_change(network: ReluNetwork1d, x: NDArray) -> float:
    """The smallest d ln R_1 that an infinitesimal perturbation can reach with all outputs kept to first order.

    All neurons and the linear term change; ``dp_j`` is at most ``|p_j|`` and ``dq_j`` at most ``|p_j|`` times the
    largest modulus of a data point. An intercept on a data point may turn to either side of it, where its neuron is
    active there or not; each combination is a linear program. Since R_1 is convex and the outputs are linear in (p, q)
    within a combination, 0 means that R_1 is minimal among all networks nearby with the same outputs. No ``a_j`` may be
    0; the number of programs doubles with each intercept on one of the sorted data points (n,).
    """
    neuron_outputs, m = network.neuron_outputs(x), len(network.a)
    t, directions = network.intercepts, network.directions
    active = (np.subtract.outer(x, t) * directions) > 0
    values = (
        np.concatenate([neuron_outputs.T @ x, neuron_outputs.sum(axis=0), [0.0, 0.0]]) * 2 / (neuron_outputs**2).sum()
    )
    largest = np.abs(network.a * network.w)
    bounds = [*((-size, size) for size in largest), *((-size, size) for size in largest * np.abs(x).max())]
    bounds += [(None, None)] * 2
    on_data = [(j, int(k)) for j in range(m) for k in np.flatnonzero(x == t[j])]
    smallest = 0.0
    for turned_on in itertools.product((False, True), repeat=len(on_data)):
        here, inequalities = active.copy(), []
        for (j, k), turns_on in zip(on_data, turned_on, strict=True):
            here[k, j] = turns_on
            row = np.zeros(2 * m + 2)
            # The neuron's output at the data point, a u, has the sign of a where it is active and the other where not.
            row[j], row[m + j] = np.array([x[k], 1.0]) * np.sign(network.a[j]) * (-1.0 if turns_on else 1.0)
            inequalities.append(row)
        equalities = np.column_stack([here * x[:, None], here, x, np.ones_like(x)])
        solved = linprog(
            values,
            A_ub=np.array(inequalities) if inequalities else None,
            b_ub=np.zeros(len(inequalities)) if inequalities else None,
            A_eq=equalities,
            b_eq=np.zeros(len(x)),
            bounds=bounds,
        )
        smallest = min(smallest, float(solved.fun))
    return smallest
