"""The steepest infinitesimal change of R_1 among all networks of the same outputs at the data (paper B, Theorem 1)."""

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from dropscape.theory.relu_network_1d import ReluNetwork1d


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
