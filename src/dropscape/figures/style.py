"""The look of every figure: fonts, sizes, the colour and marker of a run, legend entries, and saving."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from dropscape.artifacts.files import atomic_write

DPI = 200
_TICKS = {
    "labelsize": 6.5,
    "direction": "in",
    "major.width": 0.6,
    "minor.width": 0.4,
    "major.size": 3,
    "minor.size": 1.5,
}
_RC = {f"{axis}tick.{key}": value for axis in "xy" for key, value in _TICKS.items()} | {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a figure is the same everywhere
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 4,
    "axes.labelsize": 7.5,
    "legend.fontsize": 5.7,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "axes.axisbelow": True,
    **dict.fromkeys(["axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color"], ".15"),
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "pdf.fonttype": 42,  # embedded TrueType
    "svg.hashsalt": "dropscape",  # names of parts are otherwise drawn at random
}
# Colour-blind safe: the palette of that name in seaborn.
PALETTE = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"]
# The papers' keep probabilities and the variants have one colour in every figure; others get what is left.
_HUES = {0.9: 0, 0.8: 1, 0.5: 2, "after layer 2": 4, "shared masks": 7}
_SPARE = [3, 9, 5, 6, 8]
_MARKERS = {0: "o", 1: "^", 2: "s", 3: "D", -1: "v", -2: "P", -3: "X"}
_ORDERED_MARKERS = "osD^vPX"
_BASE_RATE = 0.1  # has the plain palette; twice the rate is a shade darker
DOTTED = (0, (1, 1.5))
_DASHES = ["-", (0, (3, 1.4)), (0, (1, 1.2)), (0, (4, 1, 1, 1))]
GUIDE = {"color": "0.35", "lw": 0.7}  # of lines that are no measurement


@dataclass(frozen=True)
class Look:
    """How one run is drawn."""

    label: str
    colour: str
    marker: str = "o"
    variant: str = ""


WITH_DROPOUT = Look("with dropout", PALETTE[1])
WITHOUT_DROPOUT = Look("without dropout", PALETTE[0], "s")


@contextmanager
def applied() -> Iterator[None]:
    """The style, for the time of the body only, whatever a matplotlibrc of the user's says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def looks(table: pd.DataFrame) -> dict[tuple[str, float], Look]:
    """The look of each run and keep_prob of a table, main runs first, little dropout before much.

    The hue is that of the keep probability (or the variant), shade and marker are those of the learning rate.
    """
    columns = ["variant", "learning_rate", "keep_prob", "run"]
    runs = table[columns].astype({"variant": object}).fillna({"variant": ""}).drop_duplicates()
    runs = runs.sort_values(columns, ascending=[True, True, False, True])
    colours = hues(row.variant or row.keep_prob for row in runs.itertuples())
    result = {}
    for row in runs.itertuples():
        octaves = math.log2(row.learning_rate / _BASE_RATE)
        label = f"keep {row.keep_prob:g}, lr {row.learning_rate:g}" + (f", {row.variant}" if row.variant else "")
        marker = "D" if row.variant else _MARKERS.get(max(-3, min(3, round(octaves))), "o")
        result[row.run, row.keep_prob] = Look(
            label, _shaded(colours[row.variant or row.keep_prob], octaves), marker, row.variant
        )
    return result


def hues(keys: Iterable[float | str]) -> dict[float | str, str]:
    """The colour of each keep probability or variant, the same in every figure; others take what is left in order."""
    spare = cycle(_SPARE)
    return {key: PALETTE[_HUES[key] if key in _HUES else next(spare)] for key in dict.fromkeys(keys)}


def _shaded(colour: str, octaves: float) -> str:
    """Towards black for octaves > 0, towards white below."""
    share = min(0.4 * abs(octaves), 0.8)
    return to_hex([(1 - share) * channel + (share if octaves < 0 else 0) for channel in to_rgb(colour)])


def shades(values: Iterable[float], label: str) -> dict[float, Look]:
    """A shade, from dark for the smallest, a marker and a label, a format such as ``keep {:g}``, for each value."""
    ordered = sorted(set(values))
    colours = map(to_hex, matplotlib.colormaps["viridis"](np.linspace(0, 1, len(ordered) + 2)[1:-1]))
    looks = zip(ordered, colours, cycle(_ORDERED_MARKERS), strict=False)
    return {value: Look(label.format(value), colour, shape) for value, colour, shape in looks}


def dashes_of(values: Iterable[Any]) -> dict[Any, Any]:
    """A line style for each value, the first one solid."""
    distinct = list(dict.fromkeys(values))
    return dict(zip(distinct, _DASHES * len(distinct), strict=False))


def marker(shape: str, hollow: bool = False) -> dict[str, Any]:
    """The arguments of a marker on a line."""
    return {"marker": shape, "ms": 3.4} | ({"mfc": "white", "mew": 0.7} if hollow else {"mew": 0})


def entry(label: str, colour: str = "0.3", dashes: Any = "-", **line: Any) -> Line2D:
    """A legend entry; ``dashes`` is "" for a marker without a line."""
    return Line2D([], [], color=colour, ls=dashes, label=label, **line)


def entries(looks: Iterable[Look]) -> list[Line2D]:
    """The legend entries of lines."""
    return [entry(look.label, look.colour) for look in looks]


def guide_entry(label: str, dashes: Any = "-") -> Line2D:
    """The legend entry of a line that is no measurement."""
    return Line2D([], [], label=label, ls=dashes, **GUIDE)


def number(value: float) -> str:
    """A small number in text, with two digits at most."""
    digits, exponent = f"{value:.1e}".split("e")
    return with_minus(f"{float(digits):g}e{int(exponent)}")


def with_minus(text: str) -> str:
    """The text with minus signs instead of hyphens."""
    return text.replace("-", "\N{MINUS SIGN}")


def label_logarithmic(axis: Axis) -> None:
    """Number a logarithmic axis on which everything is drawn, also one that shows too few powers of ten.

    A short axis has the 2 and 5 of each decade besides; one that may show neither has evenly spaced numbers.
    """
    low, high = axis.get_view_interval()
    if high < 5 * low:
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(lambda value, _: f"{value:g}" if value >= 1e-3 else number(value))
        axis.set_minor_locator(NullLocator())
    else:
        digits = "25" if high < 50 * low else ""
        if digits and low >= 1e-3 and high < 1e5:  # as the powers of ten between them are then written
            axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in digits else "")


def save(figure: Figure, outputs: Mapping[str, str | Path]) -> None:
    """Write ``pdf``, ``png`` (200 dpi) and ``svg``, whole or not at all; the same figure gives the same bytes.

    The figure's label is the title in all three.
    """
    without = {"pdf": "CreationDate", "png": "Software", "svg": "Date"}  # what differs from day to day
    for ending, key in without.items():
        with atomic_write(outputs[ending]) as temporary:
            metadata = {key: None, "Title": figure.get_label()}
            figure.savefig(temporary, format=ending, dpi=300 if ending == "pdf" else DPI, metadata=metadata)
