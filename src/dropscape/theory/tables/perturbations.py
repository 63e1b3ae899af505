"""Theorem 1 of paper B on random interpolants: the moves that lower R_1 while the loss stays zero."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dropscape.theory.least_change import least_change
from dropscape.theory.moves import Move, derivative, merging, merging_moves, moved, parting_moves, reach
from dropscape.theory.random_ridges import random_ridges
from dropscape.theory.ridges import Ridges, convexity_changes, least_convexity_changes, risk

CASES = ("convexity", "intercepts", "ends", "neither")
STEPS = 10
"""Networks examined along a move, evenly spaced."""
ROUNDING = 1e-12
"""An output that differs by less than this, relative to the sum of the neurons' shares there, has not changed."""
NOTHING = 1e-9
"""A relative change of R_1 below this is none: the linear programs are solved to about 1e-10."""


def table(networks: int, seed: int) -> pd.DataFrame:
    """One row per (case, network): what the explicit infinitesimal move of the case does.

    Everything is float64. The move of a row is that of ``dropscape.theory.moves`` with the steepest relative descent of
    R_1; tau is its parameter. The keep probability only scales R_1 and enters no column.

    Args:
        networks: of each case.
        seed: run seed.

    Returns:
        The columns

        - ``case``: ``convexity``, case (i) alone: more convexity changes than the data need; ``intercepts``, case (ii)
          alone: neurons of one direction with different intercepts in one inner interval; ``ends``, case (ii) in the
          corner where two neurons with opposite bends have the interval's two ends for intercepts; ``neither``.
        - ``network``: index from 0. ``points``: n. ``neurons``: m.
        - ``convexity_changes``, ``least_convexity_changes``: of f in (x_1, x_n), and the fewest that its outputs need.
        - ``linear_term``: whether the move needs the linear term; missing without a move.
        - ``derivative``: d ln R_1 / d tau at the network. ``difference_error``: relative difference to the quotient
          ``(R_1(h) - R_1(-h)) / (2 h R_1(0))`` of networks on the line. NaN without a move.
        - ``reach``: the tau up to which the outputs are kept, at most 1; the columns that follow look so far.
        - ``output_error``: largest |f(x_i) - y_i| relative to the sum of the neurons' |g_j(x_i)|, along the move.
          ``risk``: largest R_S along it.
        - ``r1_ratio``: R_1 at the end of the move relative to its start.
        - ``lowered``: whether the move exists, keeps all outputs up to rounding and lowers R_1 at every step; missing
          where there is no move.
        - ``least_change``: the most negative d ln R_1 that any infinitesimal move of all neurons reaches without
          changing an output, for relative changes of at most 1 (``dropscape.theory.least_change``).
        - ``reducible``: whether that is negative.
    """
    rows = []
    for case in CASES:
        for index in range(networks):
            x, network = random_ridges(seed, case, index)
            rows.append({"case": case, "network": index} | _row(network, x, case))
    return pd.DataFrame(rows).astype({"linear_term": "boolean", "lowered": "boolean"})


def _row(network: Ridges, x: NDArray, case: str) -> dict[str, object]:
    moves = {
        "convexity": lambda: list(parting_moves(network, x)),
        "intercepts": lambda: list(merging_moves(network, x)),
        "ends": lambda: [merging(network, 0, 1)],
        "neither": list,
    }[case]()
    least = least_change(network, x)
    row = {
        "points": len(x),
        "neurons": len(network.a),
        "convexity_changes": convexity_changes(network, x[0], x[-1]),
        "least_convexity_changes": least_convexity_changes(network, x),
    }
    steepest = min(moves, key=lambda move: derivative(network, move, x), default=None)
    return row | _along(network, steepest, x) | {"least_change": least, "reducible": least < -NOTHING}


def _along(network: Ridges, move: Move | None, x: NDArray) -> dict[str, object]:
    """The columns of the move."""
    if move is None:
        missing = ("derivative", "difference_error", "reach", "output_error", "risk", "r1_ratio")
        return dict.fromkeys(missing, math.nan) | {"linear_term": None, "lowered": None}
    descent, end = derivative(network, move, x), min(1.0, reach(network, move, x))
    targets, size = network.outputs(x), np.abs(network.parts(x)).sum(axis=1)
    line = [moved(network, move, end * step / STEPS) for step in range(STEPS + 1)]
    errors = [np.abs(one.outputs(x) - targets) for one in line]
    # Relative to the examples' typical size, so that one that no neuron reaches is no division by zero.
    error = max(float(error.max()) for error in errors) / float(size.max())
    r1 = [one.r1(x, 0.5) for one in line]
    return {
        "linear_term": move.slope != 0.0,
        "derivative": descent,
        "difference_error": _difference_error(network, move, x, descent),
        "reach": end,
        "output_error": error,
        "risk": max(risk(one, x, targets) for one in line),
        "r1_ratio": r1[-1] / r1[0],
        "lowered": end > 0 and error < ROUNDING and bool((np.diff(r1) < 0).all()),
    }


def _difference_error(network: Ridges, move: Move, x: NDArray, descent: float) -> float:
    """|quotient / derivative - 1|, the quotient over a hundredth of the way in which outputs are kept."""
    back = reach(network, Move(-move.dp, -move.dq, -move.slope, -move.constant), x)
    step = 0.01 * min(1.0, reach(network, move, x), back)
    if step == 0.0:
        return math.nan
    ahead, behind = (moved(network, move, sign * step).r1(x, 0.5) for sign in (1, -1))
    return abs((ahead - behind) / (2 * step * network.r1(x, 0.5)) / descent - 1)
