"""Theorem 1 of paper B on random interpolants: the perturbations that lower R_1 while the loss stays zero."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dropscape.theory.perturbations import (
    COUNTEREXAMPLE,
    Perturbation,
    case_i_perturbations,
    case_ii_perturbation,
    case_ii_perturbations,
    derivative,
    largest_step,
    min_relative_change,
    perturbed,
)
from dropscape.theory.random_relu_networks_1d import random_relu_network_1d
from dropscape.theory.relu_network_1d import ReluNetwork1d, convexity_changes, min_convexity_changes, risk

CASES = ("convexity", "intercepts", "neither")  # of random networks
STEPS = 10  # networks examined along a perturbation, evenly spaced
ROUNDING = 1e-12  # an output that differs by less, relative to the neurons' shares there, has not changed
NOTHING = 1e-9  # a smaller relative change of R_1 is none: the linear programs are solved to about 1e-10


def table(networks: int, seed: int) -> pd.DataFrame:
    """One row per (case, network): what the explicit infinitesimal perturbation of the case does.

    Everything is float64. The perturbation of a row is that of ``dropscape.theory.perturbations`` with the steepest
    relative descent of R_1; tau is its parameter. The keep probability only scales R_1 and enters no column.

    Returns:
        The columns

        - ``case``: ``convexity``, case (i) alone: more convexity changes than the data need; ``intercepts``, case (ii)
          alone: neurons of one direction with different intercepts in one inner interval; ``neither``; each of so many
          random ``networks``; and ``ends``, the one ``COUNTEREXAMPLE``.
        - ``network``: index from 0. ``function``: it and its data points in words. ``points``: n. ``neurons``: m.
        - ``convexity_changes``, ``min_convexity_changes``: of f in (x_1, x_n), and the fewest that its outputs need.
        - ``linear_term``: whether the perturbation needs the linear term; missing without a perturbation.
        - ``derivative``: d ln R_1 / d tau at the network. ``difference_error``: relative difference to the quotient
          ``(R_1(h) - R_1(-h)) / (2 h R_1(0))`` of networks on the line. NaN without a perturbation.
        - ``largest_step``: the tau up to which the outputs are kept, at most 1; the columns that follow look so far.
        - ``output_error``: largest |f(x_i) - y_i| relative to the sum of the neurons' |g_j(x_i)|, along the
          perturbation. ``risk``: largest R_S along it.
        - ``r1_ratio``: R_1 at the end of the perturbation relative to its start.
        - ``lowered``: whether the perturbation exists, keeps all outputs up to rounding and lowers R_1 at every step;
          missing where there is no perturbation.
        - ``min_relative_change``: the most negative d ln R_1 that any infinitesimal perturbation of all neurons reaches
          without changing an output, for relative changes of at most 1 (``perturbations.min_relative_change``).
        - ``reducible``: whether that is negative.
    """
    rows = []
    for case in CASES:
        for index in range(networks):
            x, network = random_relu_network_1d(seed, case, index)
            rows.append({"case": case, "network": index} | _row(network, x, case))
    x, network = COUNTEREXAMPLE
    rows.append({"case": "ends", "network": 0} | _row(network, x, "ends"))
    return pd.DataFrame(rows).astype({"linear_term": "boolean", "lowered": "boolean"})


def _row(network: ReluNetwork1d, x: NDArray, case: str) -> dict[str, object]:
    perturbations = {
        "convexity": lambda: list(case_i_perturbations(network, x)),
        "intercepts": lambda: list(case_ii_perturbations(network, x)),
        "ends": lambda: [case_ii_perturbation(network, 0, 1)],
        "neither": list,
    }[case]()
    least = min_relative_change(network, x)
    row = {
        "function": network.described(x),
        "points": len(x),
        "neurons": len(network.a),
        "convexity_changes": convexity_changes(network, x[0], x[-1]),
        "min_convexity_changes": min_convexity_changes(network, x),
    }
    steepest = min(perturbations, key=lambda perturbation: derivative(network, perturbation, x), default=None)
    # The table misses these columns where there is no perturbation.
    along = _along(network, steepest, x) if steepest else {}
    return row | along | {"min_relative_change": least, "reducible": least < -NOTHING}


def _along(network: ReluNetwork1d, perturbation: Perturbation, x: NDArray) -> dict[str, object]:
    descent, end = derivative(network, perturbation, x), min(1.0, largest_step(network, perturbation, x))
    targets, size = network.outputs(x), np.abs(network.neuron_outputs(x)).sum(axis=1)
    line = [perturbed(network, perturbation, end * step / STEPS) for step in range(STEPS + 1)]
    errors = [np.abs(one.outputs(x) - targets) for one in line]
    # Relative to the examples' typical size, so that one that no neuron reaches is no division by zero.
    error = max(float(error.max()) for error in errors) / float(size.max())
    r1 = [one.r1(x, 0.5) for one in line]
    return {
        "linear_term": perturbation.slope != 0.0,
        "derivative": descent,
        "difference_error": _difference_error(network, perturbation, x, descent),
        "largest_step": end,
        "output_error": error,
        "risk": max(risk(one, x, targets) for one in line),
        "r1_ratio": r1[-1] / r1[0],
        "lowered": end > 0 and error < ROUNDING and bool((np.diff(r1) < 0).all()),
    }


def _difference_error(network: ReluNetwork1d, perturbation: Perturbation, x: NDArray, descent: float) -> float:
    """|quotient / derivative - 1|, the quotient over a hundredth of the way in which outputs are kept."""
    back = largest_step(network, Perturbation(*(-value for value in vars(perturbation).values())), x)
    step = 0.01 * min(1.0, largest_step(network, perturbation, x), back)
    if step == 0.0:
        return math.nan
    ahead, behind = (perturbed(network, perturbation, sign * step).r1(x, 0.5) for sign in (1, -1))
    return abs((ahead - behind) / (2 * step * network.r1(x, 0.5)) / descent - 1)
