"""Measures how much the function of a network with one input and one output varies on an interval.

A two-layer ReLU network is piecewise linear, and everything follows exactly from its parameters (paper B, Definitions 4
and 5, section VI.B); any other fully-connected network is measured on a grid. All results are float64.

A network is given as its layers, ``(weight (m_l, m_{l-1}), bias (m_l,))`` each, the last of which is the output.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Layers = Sequence[tuple[NDArray, NDArray]]

ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0.0), "tanh": np.tanh, "identity": lambda z: z}
GRID = 4001
# Parameters are float32, so an intercept point and a change of slope are known to some 1e-7 of their terms.
RESOLUTION = 1e-6
# On the grid, second differences below this share of the largest one are no bend.
BEND = 0.01
# An intercept of the function is a window of so much of an interval between examples; its windows hold this share of
# the interval's bends. An interval with less than ``FAINT`` of what the most bent one has is straight.
WINDOW, HELD, FAINT = 0.1, 0.8, 0.05


def intercepts(layers: Layers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the intercept points -b / w (m,) of the neurons a sigma(w x + b), NaN where w is zero, and a |w| (m,).

    Of a two-layer ReLU network with one input (paper B, Definition 5), whose slope gains a |w| from left to right.
    """
    (weight, bias), (outgoing, _) = _float64(layers)
    w = weight[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        points = np.where(w == 0, np.nan, -bias / w)
    return points, outgoing[0] * np.abs(w)


def hidden_features(layers: Layers, activation: str, inputs: ArrayLike) -> list[NDArray[np.float64]]:
    """Compute f^[l](x_i) of every hidden layer, (n, m_l), first to last, at the inputs (n, d), without dropout."""
    features, values = [], np.asarray(inputs, dtype=np.float64)
    for weight, bias in _float64(layers)[:-1]:
        values = ACTIVATIONS[activation](values @ weight.T + bias)
        features.append(values)
    return features


def outputs(layers: Layers, activation: str, x: ArrayLike) -> NDArray[np.float64]:
    """Compute the network's output (n,) at the points x (n,); ``activation`` is ``relu``, ``tanh`` or ``identity``."""
    hidden, weight, bias = _last_hidden(layers, activation, x)
    return hidden @ weight + bias


def total_variation(layers: Layers, activation: str, interval: Sequence[float]) -> tuple[float, float]:
    """Measure ``(value, error)``: how far the output goes up and down on the interval, sum |f(t_{i+1}) - f(t_i)|.

    Of a two-layer ReLU network exact, with error 0: between its intercept points it is monotone. Of another one on
    ``GRID`` points, and too small: a maximum or a minimum lies between points. ``error`` is twice the second
    differences at the grid's turning points, which is no less than what is missed there if the output is a parabola
    (of whose maximum a quarter of the second difference is missed at most) or has one kink; turns within one cell are
    not seen.
    """
    if _piecewise_linear(layers, activation):
        points, _ = intercepts(layers)
        inner = points[(points > interval[0]) & (points < interval[1])]
        values = outputs(layers, activation, np.concatenate([[interval[0]], np.sort(inner), [interval[1]]]))
        return float(np.abs(np.diff(values)).sum()), 0.0
    values = outputs(layers, activation, np.linspace(*interval, GRID))
    steps = np.diff(values)
    turns = steps[:-1] * steps[1:] <= 0
    return float(np.abs(steps).sum()), float(2 * np.abs(np.diff(steps))[turns].sum())


def convexity_changes(layers: Layers, activation: str, interval: Sequence[float]) -> int:
    """Count the output's changes between convex and concave inside the interval (paper B, Definition 4).

    Of a two-layer ReLU network: the changes of sign from one change of slope to the next. Intercept points closer
    than ``RESOLUTION`` of the interval are one, whose change of slope is the sum of theirs; one that is below
    ``RESOLUTION`` of the sum of their moduli is none. Of another network: ``visible_convexity_changes`` on the grid.
    """
    if _piecewise_linear(layers, activation):
        return _sign_changes(_changes_of_slope(*intercepts(layers), interval))
    return visible_convexity_changes(layers, activation, np.linspace(*interval, GRID))


def visible_convexity_changes(layers: Layers, activation: str, x: ArrayLike) -> int:
    """Count the changes between convex and concave that are seen at evenly spaced points x (n,), n >= 3.

    They are the changes of sign of the second differences, those that are at most ``BEND`` of the largest one, or
    within rounding of zero, left out. A wide ReLU network has a change at every other intercept point, hundreds that
    are too small to see; of a smooth network on a fine grid these are the inflections.
    """
    hidden, weight, bias = _last_hidden(layers, activation, x)
    bends = np.diff(hidden @ weight + bias, n=2)
    rounding = 64 * np.finfo(np.float64).eps * (np.abs(hidden) @ np.abs(weight) + np.abs(bias)).max()
    return _sign_changes(bends[np.abs(bends) > max(BEND * np.abs(bends).max(), rounding)])


def excess_convexity_changes(layers: Layers, activation: str, x: ArrayLike, y: ArrayLike, points: int) -> float:
    """Count the changes of convexity that are seen between the outer examples beyond those that the examples need.

    As many are seen as ``visible_convexity_changes`` finds on so many points; every function through the examples x
    and y (n,), no two x equal, has one where their second divided differences change sign (paper B, Theorem 1 (i)). NaN
    with fewer than three examples.
    """
    if len(np.asarray(x)) < 3:
        return np.nan
    order = np.argsort(x)
    x, y = (np.asarray(values, dtype=np.float64)[order] for values in (x, y))
    bends = np.diff(np.diff(y) / np.diff(x))
    seen = visible_convexity_changes(layers, activation, np.linspace(x[0], x[-1], points))
    return seen - _sign_changes(bends[bends != 0])


def functional_intercepts(layers: Layers, activation: str, x: ArrayLike) -> float:
    """Count the intercept points that a two-layer ReLU network's function has in an inner interval, at most.

    Neurons that noise keeps apart by little bend the function in one place: what is counted is the windows of
    ``WINDOW`` of the interval, chosen one after the other, that hold ``HELD`` of its changes of slope |a_j| |w_j|. An
    inner interval is one between neighbouring examples x (n,) without the first and the last (paper B, Remark 1); an
    intercept at an example counts in the interval on its right. NaN of another network and with fewer than four
    examples.
    """
    places = np.sort(np.asarray(x, dtype=np.float64))
    if not _piecewise_linear(layers, activation) or len(places) < 4:
        return np.nan
    points, jumps = intercepts(layers)
    inner = [(low, high, (points >= low) & (points < high)) for low, high in pairwise(places[1:-1])]
    totals = [np.abs(jumps[inside]).sum() for _, _, inside in inner]
    counts = [
        _windows(points[inside], np.abs(jumps[inside]), WINDOW * (high - low))
        for (low, high, inside), total in zip(inner, totals, strict=True)
        if total > FAINT * max(totals)
    ]
    return max(counts, default=0)


def _windows(points: NDArray, sizes: NDArray, width: float) -> int:
    """Count the windows that hold ``HELD`` of the sizes, each the one that holds most of what is left."""
    order = np.argsort(points)
    points, left = points[order], sizes[order].copy()
    ends = np.searchsorted(points, points + width, side="right")
    count, allowed = 0, (1 - HELD) * left.sum()
    while left.sum() > allowed:
        cumulated = np.concatenate([[0.0], np.cumsum(left)])
        best = int(np.argmax(cumulated[ends] - cumulated[:-1]))
        left[best : ends[best]] = 0.0
        count += 1
    return count


def _changes_of_slope(points: NDArray, jumps: NDArray, interval: Sequence[float]) -> NDArray[np.float64]:
    """Compute the changes at the distinct intercept points inside the interval, from left to right."""
    low, high = interval
    inside = (points > low) & (points < high)
    order = np.argsort(points[inside], kind="stable")
    points, jumps = points[inside][order], jumps[inside][order]
    if len(points) == 0:
        return jumps
    first = np.flatnonzero(np.diff(points, prepend=-np.inf) > RESOLUTION * (high - low))
    changes, moduli = np.add.reduceat(jumps, first), np.add.reduceat(np.abs(jumps), first)
    return changes[np.abs(changes) > RESOLUTION * moduli]


def _sign_changes(values: NDArray) -> int:
    return int((np.diff(np.sign(values)) != 0).sum())


def _piecewise_linear(layers: Layers, activation: str) -> bool:
    return activation == "relu" and len(layers) == 2


def _last_hidden(layers: Layers, activation: str, x: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Compute activations (n, m) of the last hidden layer; return the weights (m,) and bias (1,) that read them too."""
    weight, bias = _float64(layers)[-1]
    return hidden_features(layers, activation, np.asarray(x)[:, None])[-1], weight[0], bias


def _float64(layers: Layers) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    return [(np.asarray(weight, np.float64), np.asarray(bias, np.float64)) for weight, bias in layers]
