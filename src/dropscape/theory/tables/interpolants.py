"""Fig. 11 of paper B: three functions through the same points and what R_1 charges for them, float64.

The functions are explicit networks of equal width, whose neurons have one direction. The points lie on a straight line
that bends once between the third and the fourth. ``MIDDLE`` bends where both halves meet. ``LEFT`` has two convexity
changes more there, ``RIGHT`` three separate intercepts without one.

What is left to choose for a given function and width m is how many equal neurons share each slope change. A change c
shared by k of them adds ``(s/2n) c^2 q / k`` to R_1, q being the sum of ``(x_i - t)^2`` over the data points beyond t,
so that R_1 is at least ``(s/2n) (sum |c| sqrt(q))^2 / m``, reached where k is proportional to ``|c| sqrt(q)``. Without
a given width the comparison would be empty: R_1 of any function tends to 0 as its neurons are split further.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dropscape.theory.relu_network_1d import ReluNetwork1d, convexity_changes, risk

DRAWN = 257  # outputs per curve, evenly spaced; every intercept is among them
X = np.arange(1.0, 6.0)
SLOPE, CONSTANT = -1.0, 3.0
LEFT, MIDDLE, RIGHT = "more convexity changes", "minimal", "separate intercepts"
SLOPE_CHANGES: dict[str, Sequence[tuple[float, float]]] = {
    LEFT: [(3.125, 2.5), (3.5, -2.5), (3.875, 2.5)],
    MIDDLE: [(3.5, 2.5)],
    RIGHT: [(3.125, 1.0), (3.5, 0.5), (3.875, 1.0)],
}
"""Intercept and slope change of each, with equal sums and first moments, so all pass through the same points."""


def targets() -> NDArray:
    """Targets at ``X``: the values of the function that bends once."""
    ((t, slope_change),) = SLOPE_CHANGES[MIDDLE]
    return SLOPE * X + CONSTANT + slope_change * np.maximum(X - t, 0.0)


def network(curve: str, neurons: int) -> ReluNetwork1d:
    """The network of a key of ``SLOPE_CHANGES`` with least R_1 among those whose neurons on one intercept are equal."""
    t, slope_changes = (np.array(values) for values in zip(*SLOPE_CHANGES[curve], strict=True))
    lengths = np.sqrt((np.maximum(np.subtract.outer(X, t), 0.0) ** 2).sum(axis=0))
    counts = shared(np.abs(slope_changes) * lengths, neurons)
    w = np.ones(neurons)
    return ReluNetwork1d(np.repeat(slope_changes / counts, counts), w, -np.repeat(t, counts), SLOPE, CONSTANT)


def shared(sizes: NDArray, total: int) -> NDArray:
    """Counts k >= 1 with sum ``total`` that make sum sizes^2 / k least; exact.

    Each term is convex in its count, so giving one more to where it takes away most is optimal at every step. A total
    of less than one each is a ValueError.
    """
    if total < len(sizes):
        raise ValueError(f"{total} neurons cannot share {len(sizes)} slope changes: write at least one for each.")
    counts = np.ones(len(sizes), dtype=int)
    for _ in range(total - len(sizes)):
        counts[np.argmax(sizes**2 / (counts * (counts + 1)))] += 1
    return counts


def table(neurons: int, widths: Sequence[int], keep_prob: float) -> pd.DataFrame:
    """One row per (curve, x) of three kinds, and one per curve and width; all float64.

    Returns:
        The columns

        - ``curve``: a key of ``SLOPE_CHANGES``.
        - ``kind``: ``output`` (the function, evenly spaced over the data), ``point`` (a data point, ``output`` is its
          target) or ``intercept``; or ``width``, of networks of another width.
        - ``x``, ``output``. ``slope_change``: by how much the slope rises at an intercept; NaN elsewhere.
        - ``risk``: R_S of the curve's network, 0 up to rounding. ``r1``: R_1. ``r1_ratio``: relative to the minimal
          curve's. ``above_minimal``: whether that is above 1; NaN of the minimal curve. ``convexity_changes``: in
          (x_1, x_n). ``neurons``: m. ``keep_prob``: p.
    """
    y, drawn = targets(), np.linspace(X[0], X[-1], DRAWN)
    frames = []
    for curve, slope_changes in SLOPE_CHANGES.items():
        own = network(curve, neurons)
        t, c = np.transpose(slope_changes)
        kinds = {"output": (drawn, own.outputs(drawn), np.nan), "point": (X, y, np.nan)}
        for kind, (x, output, change) in (kinds | {"intercept": (t, own.outputs(t), c)}).items():
            row = {"curve": curve, "kind": kind, "x": x, "output": output, "slope_change": change}
            frames.append(pd.DataFrame(row | _numbers(curve, neurons, keep_prob)))
        frames += [
            pd.DataFrame([{"curve": curve, "kind": "width"} | _numbers(curve, width, keep_prob)]) for width in widths
        ]
    return pd.concat(frames, ignore_index=True)


def _numbers(curve: str, neurons: int, keep_prob: float) -> dict[str, float]:
    own, r1 = network(curve, neurons), network(curve, neurons).r1(X, keep_prob)
    ratio = r1 / network(MIDDLE, neurons).r1(X, keep_prob)
    numbers = {"risk": risk(own, X, targets()), "r1": r1, "r1_ratio": ratio}
    numbers |= {"above_minimal": np.nan if curve == MIDDLE else ratio > 1}
    changes = convexity_changes(own, X[0], X[-1])
    return numbers | {"convexity_changes": changes, "neurons": neurons, "keep_prob": keep_prob}
