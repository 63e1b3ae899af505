"""An axis of accuracies on which 99 % and 99.5 % are as far apart as 90 % and 95 %."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike

_TICKS = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999]
_ROOM = 0.8  # the least error of the axis over the least that is drawn
_PERFECT = 1e-4  # the least error that the axis needs: an accuracy of 1 has none and lies on the upper end


def accuracy_axis(axes: Axes, accuracies: ArrayLike) -> None:
    """Make the y-axis (and those shared with it) one of accuracies from 0, in percent, logarithmic in the error.

    Args:
        axes: of the panel.
        accuracies: what is drawn, from 0 to 1; the axis ends a little above the largest.
    """
    axes.set_yscale("function", functions=(_height, _accuracy))
    axes.yaxis.set_major_locator(FixedLocator(_TICKS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda accuracy, _: f"{100 * accuracy:g}"))
    least = max(1 - float(np.nanmax(accuracies)), _PERFECT)
    axes.set_ylim(0, 1 - _ROOM * least)


def _height(accuracy: np.ndarray) -> np.ndarray:
    return -np.log10(np.maximum(1 - np.asarray(accuracy, dtype=float), _ROOM * _PERFECT))


def _accuracy(height: np.ndarray) -> np.ndarray:
    return 1 - 10.0 ** -np.asarray(height, dtype=float)
