"""Finds the first point along a half-line where a loss reaches a given multiple of its starting value.

The search is a generator: it yields the distance at which it wants the loss and is sent the answer. So one search
serves every way to compute a loss, and two searches (the two sides of a direction) can be advanced together.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence

from scipy.optimize import brentq

# From a sample below the level the search steps at most to this multiple of the distance.
GROWTH = 2.0
# The first sample stands at this share of the crossing that the quadratic model predicts: short of it, because a
# sample beyond the crossing tells less about what lies before it, and because losses mostly rise faster than
# their quadratic model.
START = 0.75
# Where no curvature is given, a sample at this many scales measures one ...
PROBE = 0.01
# ... but a relative rise of the loss below this could be rounding and is not believed to be smaller.
RISE_FLOOR = 2e-5
# The last step is taken without another sample once it is so small that the error of its slope does not matter. That
# error is taken to be half the difference to the slope between the last two samples, and at least half of this.
TRUST = 0.1
# Samples that an interpolation goes through, at most.
NODES = 3
# A sample this close to the level, in log(L / L(0)), is the crossing.
ROUNDING = 1e-12
# log(0) would spoil the interpolation; a loss this far below its start is never next to a crossing.
LOWEST = -30.0

Search = Generator[float, float, list[float]]


class _Samples:
    """The loss along one half-line as far as it is known: x(t) = log(L(t) / L(0)) at increasing distances t > 0."""

    def __init__(self, slope: float, curvature: float):
        self.distances: list[float] = []
        self.values: list[float] = []
        self.slope = slope
        # x''(0) / 2, NaN where L''(0) is not known
        self.half_curvature = (curvature - slope * slope) / 2
        self.last = self.previous = (0.0, 0.0)

    def add(self, distance: float, ratio: float) -> None:
        # NaN: the loss left the numbers (inf - inf far out), which is above every level
        value = math.inf if math.isnan(ratio) else max(math.log(ratio), LOWEST) if ratio > 0 else LOWEST
        position = bisect_left(self.distances, distance)
        self.distances.insert(position, distance)
        self.values.insert(position, value)
        self.previous, self.last = self.last, (distance, value)

    def bracket(self, level: float) -> tuple[float, float, float]:
        """Find the last distance before the first sample at or above the level, that sample's distance, its value."""
        below = 0.0
        for distance, value in zip(self.distances, self.values, strict=True):
            if value >= level - ROUNDING:
                return below, distance, value
            below = distance
        return below, math.inf, math.inf

    def smallest_miss(self, level: float) -> float:
        """Find the smallest |x(t) - level| so far, 0 being the first sample."""
        return min(abs(value - level) for value in [0.0, *self.values])

    def slope_mismatch(self, level: float, candidate: float) -> float:
        """Compare the slope from the last sample to the candidate with the last secant's, relatively."""
        (t, x), (previous_t, previous_x) = self.last, self.previous
        secant = (x - previous_x) / (t - previous_t)
        if candidate == t or secant == 0 or not math.isfinite(secant):
            return math.inf
        return abs((level - x) / (candidate - t) / secant - 1)

    def model_root(self, level: float, low: float, high: float) -> float:
        """Find where the interpolant crosses the level in (low, high); NaN if it is not below at low, above at high.

        x(t) = slope t + t^2 q(t), with q the polynomial through ``NODES`` samples, and through q(0) = x''(0) / 2 if
        that is known. The form keeps the exact slope at 0 and is free of the cancellation that differences next to 0
        would bring. The samples at low and high belong to the nodes, so that a sample cannot be mistaken for a
        crossing; the others are those with values next to the level.
        """
        pairs = [pair for pair in zip(self.distances, self.values, strict=True) if math.isfinite(pair[1])]
        pairs.sort(key=lambda pair: (pair[0] not in (low, high), abs(pair[1] - level)))
        nodes = [t for t, _ in pairs[:NODES]]
        coefficients = [(x - self.slope * t) / (t * t) for t, x in pairs[:NODES]]
        if math.isfinite(self.half_curvature):
            nodes.append(0.0)
            coefficients.append(self.half_curvature)
        for order in range(1, len(nodes)):
            for i in range(len(nodes) - 1, order - 1, -1):
                coefficients[i] = (coefficients[i] - coefficients[i - 1]) / (nodes[i] - nodes[i - order])

        def excess(t: float) -> float:
            value = coefficients[-1]
            for i in range(len(nodes) - 2, -1, -1):
                value = value * (t - nodes[i]) + coefficients[i]
            return self.slope * t + t * t * value - level

        at_low, at_high = excess(low), excess(high)
        if not at_low < 0 < at_high:
            return math.nan
        return brentq(excess, low, high, xtol=1e-12 * high, rtol=1e-12)


def first_crossings(
    levels: Sequence[float], slope: float, curvature: float, scale: float, reach: float, tolerance: float
) -> Search:
    """Search the closest t > 0 with L(t) = factor * L(0), for several factors at once.

    A generator: yields a distance t, wants ``L(t) / L(0)`` sent back (NaN counts as above every level), and returns
    the crossings in the order of ``levels``, NaN where the loss stays below the level up to ``reach``.

    What "closest" rests on: the loss is sampled first at ``START`` times the distance at which the quadratic model
    (slope and curvature at 0) reaches the lowest level, at most ``scale``. If that sample is at or above the level,
    the distance is halved until one is below. Onwards from a sample below the level the next one is at most
    ``GROWTH`` times as far. The crossing is searched between the first sample at or above the level and the one
    before it. An earlier crossing is therefore missed only if the loss rises above the level and falls below it
    again between two neighbouring samples: within one doubling of the distance, or before the first sample below
    the level. The loss need be neither monotone nor smallest at 0.

    The crossing is refined on log(L / (factor L(0))) by interpolation through the samples next to the level,
    safeguarded by bisection. All levels share the samples.

    Args:
        levels: log(factor), positive, ascending.
        slope: L'(0) / L(0) along the half-line.
        curvature: L''(0) / L(0), NaN if not known: one more sample, nearer to 0, measures it.
        scale: a length typical of the parameters, such as their norm; the first sample is no farther away, because a
            small curvature at 0 says little about the loss there.
        reach: the largest distance that is sampled.
        tolerance: relative tolerance of the distances; a kink or a jump of the loss within the last step can make the
            error a few times as large.
    """
    samples = _Samples(slope, curvature)
    if not math.isfinite(curvature):
        probe = min(PROBE * scale, reach)
        ratio = yield probe
        samples.add(probe, ratio)
        curvature = 2 * max(ratio - 1 - slope * probe, RISE_FLOOR) / probe**2 if math.isfinite(ratio) else math.inf
    start = min(START * _quadratic_root(math.expm1(levels[0]), slope, curvature), scale, reach)
    if start > max(samples.distances, default=0.0):
        samples.add(start, (yield start))
    crossings = []
    for level in levels:
        crossings.append((yield from _first_crossing(samples, level, reach, tolerance)))
    return crossings


def advance_both(
    searches: Sequence[Search], ratios: Callable[[Sequence[float]], list[float]]
) -> tuple[list[list[float]], int]:
    """Run the searches of the left and the right side in step, so that they share each pass over the examples.

    ``ratios`` answers for distances along the direction, negative on the left. Returns the crossings of both sides,
    all positive, and how many values were asked for.
    """
    results: list[list[float]] = [[], []]
    wanted = {side: next(search) for side, search in enumerate(searches)}
    count = 0
    while wanted:
        values = ratios([distance if side else -distance for side, distance in wanted.items()])
        count += len(values)
        for side, value in zip(list(wanted), values, strict=True):
            try:
                wanted[side] = searches[side].send(value)
            except StopIteration as done:
                results[side] = done.value
                del wanted[side]
    return results, count


def _quadratic_root(rise: float, slope: float, curvature: float) -> float:
    """Solve slope t + curvature t^2 / 2 = rise > 0 for positive t; infinite if there is none."""
    if math.isinf(curvature):
        return 0.0
    discriminant = slope * slope + 2 * curvature * rise
    denominator = slope + math.sqrt(discriminant) if discriminant >= 0 else 0.0
    return 2 * rise / denominator if denominator > 0 else math.inf


def _first_crossing(samples: _Samples, level: float, reach: float, tolerance: float) -> Search:
    cautious = False
    while True:
        low, high, value = samples.bracket(level)
        if math.isinf(high):
            if low >= reach:
                return math.nan
            high = fallback = min(GROWTH * low, reach)
        elif low < high / GROWTH:
            cautious, fallback = True, high / GROWTH
        elif value - level <= ROUNDING or high - low <= tolerance * high:
            return high
        else:
            cautious, fallback = cautious or math.isinf(value), (low + high) / 2

        candidate = math.nan if cautious else samples.model_root(level, low, high)
        if not math.isnan(candidate):
            doubt = max(samples.slope_mismatch(level, candidate), TRUST)
            if doubt * abs(candidate - samples.last[0]) <= tolerance * candidate:
                return candidate
        interpolated = low < candidate < high
        if not interpolated:
            candidate = fallback
        miss = samples.smallest_miss(level)
        samples.add(candidate, (yield candidate))
        # An interpolation that does not halve the smallest miss is followed by a bisection or a doubling, so that
        # every second step at least halves the miss or the bracket or doubles the distance, whatever the loss is.
        cautious = interpolated and samples.smallest_miss(level) > miss / 2
