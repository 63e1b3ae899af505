"""The toy of section VI.B of paper B: two ReLU neurons that fit two points, or one, under R_S + R_1; float64.

Each network starts without loss: its neurons share the targets, by random shares that differ from point to point, so
that their input weights (w, b) are not parallel. R_1 is smallest where both neurons have the same outputs on the data;
on two points these fix the direction of (w, b), on one point they do not. A neuron that falls silent on a point has no
gradient there and stays so, which the section does not consider.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dropscape.dropout.masks import mask_variance
from dropscape.numerics.seeds import numpy_generator

# The flow's fast start, along which neurons fall silent, is followed closely.
RATES, STEPS = (0.01, 0.1), (4_000, 20_000)
PARALLEL = 1.0  # degrees
CASES = {"two_points": 2, "one_point": 1}


def table(networks: int, keep_prob: float, seed: int) -> pd.DataFrame:
    """Follow the gradient flow of R_S + R_1 from each network.

    Returns:
        One row a network and ``case``, ``two_points`` or ``one_point``: network; ``neurons``, ``active`` if both are so
        on every point at the end, else ``silent``; angle_before and angle_after, between the neurons' (w, b), in
        degrees; ``angle_change``, the modulus of their difference over the first; risk, R_S at the end; ``parallel``,
        whether angle_after is below ``PARALLEL``.
    """
    a, w, x, y = _start(networks, seed)
    frames = []
    for case, points in CASES.items():
        end_a, end_w = descend(a, w, x[:, :points], y[:, :points], keep_prob)
        outputs = neuron_outputs(end_a, end_w, x[:, :points])
        residuals, active = outputs.sum(axis=2) - y[:, :points], (outputs > 0).all(axis=(1, 2))
        before, after = angles(w), angles(end_w)
        row = {"case": case, "network": range(networks), "neurons": np.where(active, "active", "silent")}
        row |= {"angle_before": before, "angle_after": after}
        row |= {
            "angle_change": np.abs(after - before) / before,
            "risk": (residuals**2).mean(axis=1) / 2,
            "parallel": after < PARALLEL,
        }
        frames.append(pd.DataFrame(row))
    return pd.concat(frames, ignore_index=True)


def neuron_outputs(a: NDArray, w: NDArray, x: NDArray) -> NDArray:
    """o_j(x_i) = a_j relu(w_j . x_i), (K, n, 2), of a (K, 2), w (K, 2, 2) and x (K, n, 2), whose last entry is 1."""
    return a[:, None] * np.maximum(x @ w.transpose(0, 2, 1), 0.0)


def descend(a: NDArray, w: NDArray, x: NDArray, y: NDArray, keep_prob: float) -> tuple[NDArray, NDArray]:
    """Take the ``STEPS`` of gradient descent on (1/2n) sum_i ((sum_j o_ij - y_i)^2 + s sum_j o_ij^2), s = (1-p)/p."""
    a, w, variance = a.copy(), w.copy(), mask_variance(keep_prob)
    for rate in np.repeat(RATES, STEPS):
        z = x @ w.transpose(0, 2, 1)
        h = np.maximum(z, 0.0)
        o = a[:, None] * h
        slope = (o.sum(axis=2, keepdims=True) - y[:, :, None] + variance * o) / y.shape[1]
        of_w = (slope * a[:, None] * (z > 0)).transpose(0, 2, 1) @ x
        a -= rate * (slope * h).sum(axis=1)
        w -= rate * of_w
    return a, w


def angles(w: NDArray) -> NDArray:
    """Angles between the two input weights of each network (K, 2, 2), in degrees."""
    u = w / np.linalg.norm(w, axis=2, keepdims=True)
    difference, total = (np.linalg.norm(u[:, 0] + sign * u[:, 1], axis=1) for sign in (-1, 1))
    return np.degrees(2 * np.arctan2(difference, total))


def _start(networks: int, seed: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Draw a, w, the points and positive targets of networks whose two neurons are active on both points."""
    generator = numpy_generator(seed, "theory", "neuron pairs")
    left = generator.uniform(-1.0, 0.0, networks)
    x = np.ones((networks, 2, 2))
    x[:, :, 0] = np.stack([left, left + generator.uniform(0.5, 1.0, networks)], axis=1)
    y = generator.uniform(0.5, 1.5, (networks, 2))
    first = generator.uniform(0.1, 0.9, (networks, 2))
    shares = np.stack([first, 1 - first], axis=2)  # (K, points, neurons)
    a = np.exp(generator.uniform(-np.log(2), np.log(2), (networks, 2)))
    w = np.linalg.solve(x, shares * y[:, :, None] / a[:, None]).transpose(0, 2, 1)
    return a, w, x, y
