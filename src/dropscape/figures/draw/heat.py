"""Coloured fields and their bar."""

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable


def bar(axes: Axes, field: ScalarMappable, label: str) -> None:
    """A colour bar in axes of its own, labelled at its left, where a page has room."""
    axes.figure.colorbar(field, cax=axes, ticklocation="left")
    axes.set_ylabel(label, labelpad=2)
    axes.tick_params(which="both", direction="in", labelsize=5.7)
