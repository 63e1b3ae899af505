"""Looks of values that have an order, such as keep probabilities or widths."""

from collections.abc import Callable, Iterable

import seaborn as sns
from matplotlib.colors import to_hex

from dropscape.figures.style import Look

_MARKERS = "osD^vPX"


def shades(values: Iterable[float], label: Callable[[float], str]) -> dict[float, Look]:
    """A shade for each value, from the smallest, dark, to the largest, and a marker.

    Args:
        values: any, repeated or not.
        label: what a legend says of a value.
    """
    ordered = sorted(set(values))
    colours = [to_hex(colour) for colour in sns.color_palette("viridis", len(ordered))]
    return {
        value: Look(label(value), "", colour, _MARKERS[place % len(_MARKERS)])
        for place, (value, colour) in enumerate(zip(ordered, colours, strict=True))
    }
