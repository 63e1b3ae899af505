"""Panels of accuracies along training, in which 99 % and 99.5 % are as far apart as 90 % and 95 % (paper D)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from dropscape.figures.style import PALETTE, Look
from dropscape.figures.subnetworks import FULL, RANDOM, VISITED

LOOKS = {
    FULL: Look(r"full network $f(\cdot\,; W_t)$", PALETTE[0]),
    VISITED: Look(r"visited sub-network $g(W_t;\, \cdot\,, B_t)$", PALETTE[1]),
    "full_per_example": Look("full, a mask for each example", PALETTE[9]),
    "full_plain": Look("full, no dropout", PALETTE[7]),
    "full_alone": Look("width $p m$, trained alone, no dropout", PALETTE[4]),
    RANDOM: Look("random sub-networks, mean over masks", PALETTE[1]),
    "random_per_example": Look("random, a mask for each example", PALETTE[9]),
    "random_plain": Look("random, no dropout in training", PALETTE[7]),
    "pruned": Look("the $p m$ units of largest magnitude", PALETTE[2]),
}
SYMBOLS = (
    "$m$ is the width of the layer under dropout and $1-p$ the dropped share (p is the keep probability). The axis of "
    "accuracies is logarithmic in the error."
)
_TICKS = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999]
_ROOM = 0.8  # the smallest error of the axis, relative to the smallest that is drawn
_PERFECT = 1e-4  # the smallest error that the axis needs: an accuracy of 1 has none and lies on the upper end


def panel_title(width: int, dropped_share: float) -> str:
    """Such as ``m = 10,000, 1-p = 0.5``."""
    return f"$m$ = {width:,}, $1-p$ = {dropped_share:g}"


def iterations_axis(axes: Axes, last: float) -> None:
    """Iterations t from 0 to the last one, without a number at the end that the next panel's 0 would touch."""
    axes.set(xlim=(0, max(last, 1)), xlabel="iteration $t$")
    axes.xaxis.set_major_locator(MaxNLocator(4, prune="upper"))


def accuracy_axis(axes: Axes, accuracies: ArrayLike) -> None:
    """Make the y-axis (and those shared with it) one of accuracies in percent, logarithmic in the error.

    It reaches from 0 to a little above the largest of the accuracies (from 0 to 1) that are drawn.
    """
    axes.set_yscale("function", functions=(_height, _accuracy))
    axes.yaxis.set_major_locator(FixedLocator(_TICKS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda accuracy, _: f"{100 * accuracy:g}"))
    smallest = max(1 - float(np.nanmax(accuracies)), _PERFECT)
    axes.set_ylim(0, 1 - _ROOM * smallest)


def _height(accuracy: np.ndarray) -> np.ndarray:
    return -np.log10(np.maximum(1 - np.asarray(accuracy, dtype=float), _ROOM * _PERFECT))


def _accuracy(height: np.ndarray) -> np.ndarray:
    return 1 - 10.0 ** -np.asarray(height, dtype=float)
