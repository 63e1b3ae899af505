"""Fig. 11 of paper B: three functions through the same points and what R_1 charges for them."""

import numpy as np
import pandas as pd

from dropscape.theory.interpolants import MIDDLE, SLOPE_CHANGES, X, network, targets
from dropscape.theory.relu_network_1d import convexity_changes, risk

DRAWN = 257  # outputs per curve, evenly spaced; every intercept is among them


def table(neurons: int, keep_prob: float) -> pd.DataFrame:
    """One row per (curve, x) of three kinds; all float64.

    Returns:
        The columns

        - ``curve``: one of ``theory.interpolants.SLOPE_CHANGES``.
        - ``kind``: ``output`` (the function, evenly spaced over the data), ``point`` (a data point, ``output`` is its
          target) or ``intercept``.
        - ``x``, ``output``. ``slope_change``: by how much the slope rises at an intercept; NaN elsewhere.
        - ``risk``: R_S of the curve's network, 0 up to rounding. ``r1``: R_1. ``r1_ratio``: relative to the minimal
          curve's. ``convexity_changes``: in (x_1, x_n). ``neurons``: m. ``keep_prob``: p.
    """
    y, drawn = targets(), np.linspace(X[0], X[-1], DRAWN)
    least = network(MIDDLE, neurons).r1(X, keep_prob)
    frames = []
    for curve, slope_changes in SLOPE_CHANGES.items():
        own = network(curve, neurons)
        t, c = np.transpose(slope_changes)
        rows = pd.concat(
            [
                pd.DataFrame({"kind": "output", "x": drawn, "output": own.outputs(drawn)}),
                pd.DataFrame({"kind": "point", "x": X, "output": y}),
                pd.DataFrame({"kind": "intercept", "x": t, "output": own.outputs(t), "slope_change": c}),
            ],
            ignore_index=True,
        )
        r1 = own.r1(X, keep_prob)
        frames.append(
            rows.assign(
                curve=curve,
                risk=risk(own, X, y),
                r1=r1,
                r1_ratio=r1 / least,
                convexity_changes=convexity_changes(own, X[0], X[-1]),
                neurons=neurons,
                keep_prob=keep_prob,
            )
        )
    every = pd.concat(frames, ignore_index=True)
    first = ["curve", "kind", "x", "output", "slope_change"]
    return every[[*first, *(column for column in every if column not in first)]]
