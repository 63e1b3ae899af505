"""Coloured maps beside each other and the bar that explains their colours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from dropscape.figures.page import Page

_BAR = 0.05  # width of the colour bar relative to a map's


def row_of_maps(page: Page, title: str, titles: Sequence[str], sentences: Sequence[str], height: float) -> list[Axes]:
    """A row of maps and, last, the axes of the colour bar; the arguments are those of ``Page.row``."""
    return page.row(title, [*titles, ""], sentences, height, sharing=0, widths=[1] * len(titles) + [_BAR])


def draw_map(axes: Axes, cells: pd.DataFrame, **arguments: Any) -> ScalarMappable:
    """The cells as a map, in which undefined ones have no colour; ``arguments`` are those of ``imshow``."""
    return axes.imshow(np.ma.masked_invalid(cells.to_numpy()), interpolation="nearest", **arguments)


def colour_bar(axes: Axes, field: ScalarMappable, label: str) -> None:
    """The bar of a map, labelled at its left, where a page has room."""
    axes.figure.colorbar(field, cax=axes, ticklocation="left")
    axes.set_ylabel(label, labelpad=2)
    axes.tick_params(which="both", labelsize=5.7)
