"""The look of every figure: fonts, sizes, a run's colour and marker, the page and its footer, and saving."""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.artifacts.files import whole_file

PAGE_WIDTH = 7.1  # inches, the text width of a two-column page
_MARGIN_LEFT, _MARGIN_RIGHT, _TITLE, _TICKS, _LINE = 0.52, 0.12, 0.44, 0.46, 0.115  # inches
_LEGEND_ROW, _GAP, _PANEL_TITLE = 0.118, 0.16, 0.26  # inches
_FOOTER_CHARACTERS = 178
_DPI = 200
_RC = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a figure is the same everywhere
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 5.7,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.0,
    "pdf.fonttype": 42,  # embedded TrueType
}
PALETTE = [to_hex(colour) for colour in sns.color_palette("colorblind")]
# The papers' keep probabilities and the variants have one colour in every figure; others get what is left.
_HUES = {0.9: 0, 0.8: 1, 0.5: 2, "after layer 2": 4, "shared masks": 7}
_SPARE = [3, 9, 5, 6, 8]
_MARKERS = {0: "o", 1: "^", 2: "s", 3: "D", -1: "v", -2: "P", -3: "X"}
_BASE_RATE = 0.1  # has the plain palette; twice the rate is a shade darker


@dataclass(frozen=True)
class Look:
    """How one run is drawn."""

    label: str
    variant: str
    colour: str
    marker: str


WITH_DROPOUT = Look("with dropout", "", PALETTE[1], "o")
WITHOUT_DROPOUT = Look("without dropout", "", PALETTE[0], "s")


@contextmanager
def applied() -> Iterator[None]:
    """The style, for the time of the body only."""
    with matplotlib.rc_context(sns.axes_style("ticks") | _RC):
        yield


def looks(table: pd.DataFrame) -> dict[tuple[str, float], Look]:
    """The look of each run and keep_prob of a table, main runs first, little dropout before much.

    Hue stands for the keep probability (or the variant), shade and marker for the learning rate.
    """
    columns = ["variant", "learning_rate", "keep_prob", "run"]
    runs = table[columns].astype({"variant": object}).fillna({"variant": ""}).drop_duplicates()
    runs = runs.sort_values(columns, ascending=[True, True, False, True])
    spare = iter(_SPARE * len(runs))
    hues = dict(_HUES)
    result = {}
    for row in runs.itertuples():
        key = row.variant or row.keep_prob
        if key not in hues:
            hues[key] = next(spare)
        octaves = math.log2(row.learning_rate / _BASE_RATE)
        label = f"keep {row.keep_prob:g}, lr {row.learning_rate:g}" + (f", {row.variant}" if row.variant else "")
        result[row.run, row.keep_prob] = Look(
            label,
            row.variant,
            _shaded(PALETTE[hues[key]], octaves),
            "D" if row.variant else _MARKERS.get(max(-3, min(3, round(octaves))), "o"),
        )
    return result


def _shaded(colour: str, octaves: float) -> str:
    """Towards black for octaves > 0, towards white below."""
    share = min(0.4 * abs(octaves), 0.8)
    return to_hex([(1 - share) * part + (share if octaves < 0 else 0) for part in to_rgb(colour)])


def page(
    title: str, widths: Sequence[float], panel_height: float, below: float, footer: str, apart: int = 0
) -> tuple[Figure, list[Axes]]:
    """A page with panels in a row, room below them and a footer. The panels share their axes.

    Args:
        title: over everything.
        widths: relative widths of the panels.
        panel_height: of the axes, in inches.
        below: room between the panels' tick labels and the footer (for legends), in inches.
        footer: is wrapped; its line breaks stay.
        apart: so many panels at the right have axes of their own.
    """
    figure, height, foot = _sheet(title, footer, panel_height + _TICKS + below)
    gaps = [_GAP] * (len(widths) - 1 - apart) + [_MARGIN_LEFT] * apart + [0.0]
    room = PAGE_WIDTH - _MARGIN_LEFT - _MARGIN_RIGHT - sum(gaps)
    left, axes = _MARGIN_LEFT, []
    for width, gap in zip(widths, gaps, strict=True):
        size = room * width / sum(widths)
        bottom = (foot + below + _TICKS) / height
        first = axes[0] if axes and len(axes) < len(widths) - apart else None
        place = (left / PAGE_WIDTH, bottom, size / PAGE_WIDTH, panel_height / height)
        axes.append(figure.add_axes(place, sharex=first, sharey=first))
        if first:
            axes[-1].tick_params(labelleft=False)
        left += size + gap
    return figure, axes


def grid(
    title: str, columns: int, rows: int, panel_height: float, below: float, footer: str, shared: bool = False
) -> tuple[Figure, list[list[Axes]]]:
    """A page with rows of equal panels, each with axes and labels of its own, or all with the same if ``shared``.

    The other arguments are those of ``page``; ``below`` is the room below the last row. Returns the axes row by row.
    """
    apart = _TICKS + _PANEL_TITLE
    figure, height, foot = _sheet(title, footer, rows * panel_height + (rows - 1) * apart + _TICKS + below)
    size = (PAGE_WIDTH - _MARGIN_RIGHT - columns * _MARGIN_LEFT) / columns
    axes: list[list[Axes]] = []
    for row in range(rows):
        bottom = (foot + below + _TICKS + (rows - 1 - row) * (panel_height + apart)) / height
        axes.append([])
        for column in range(columns):
            first = axes[0][0] if shared and (row or column) else None
            left = _MARGIN_LEFT + column * (size + _MARGIN_LEFT)
            place = (left / PAGE_WIDTH, bottom, size / PAGE_WIDTH, panel_height / height)
            axes[-1].append(figure.add_axes(place, sharex=first, sharey=first))
    return figure, axes


def _sheet(title: str, footer: str, inner: float) -> tuple[Figure, float, float]:
    """A page with its title and footer and ``inner`` inches between them; with its height and the footer's."""
    lines = [line for part in footer.split("\n") for line in textwrap.wrap(part, _FOOTER_CHARACTERS)]
    foot = _LINE * len(lines) + 0.06
    height = _TITLE + inner + foot
    figure = Figure(figsize=(PAGE_WIDTH, height), dpi=_DPI)
    FigureCanvasAgg(figure)
    figure.text(0.08 / PAGE_WIDTH, 1 - 0.05 / height, title, ha="left", va="top", fontsize=8.5, fontweight="bold")
    figure.text(
        0.08 / PAGE_WIDTH, 0.05 / height, "\n".join(lines), ha="left", va="bottom", fontsize=5.4, color="0.25",
        linespacing=1.25,
    )  # fmt: skip
    return figure, height, foot


def legend_room(rows: int) -> float:
    """Height of a legend of so many rows, in inches."""
    return rows * _LEGEND_ROW


def legend_below(axes: Axes, columns: Sequence[Sequence[Artist]]) -> None:
    """A legend under the axis label, left aligned with the axes.

    Args:
        axes: above it.
        columns: the labelled handles of each column.
    """
    longest = max(len(column) for column in columns)
    # matplotlib fills column by column, as evenly as it can.
    padded = [
        [*column, *(Line2D([], [], ls="", label=" ") for _ in range(longest - len(column)))] for column in columns
    ]
    height = axes.get_position().height * axes.figure.get_figheight()
    axes.legend(
        handles=[handle for column in padded for handle in column],
        loc="upper left",
        bbox_to_anchor=(0, -(_TICKS - 0.04) / height),
        frameon=False,
        borderaxespad=0,
        borderpad=0,
        handlelength=1.6,
        handletextpad=0.5,
        handleheight=0.7,
        labelspacing=0.3,
        columnspacing=0.7,
        ncols=len(columns),
    )


def footer(description: Mapping[str, Any], *sentences: str) -> str:
    """What every figure says of itself: data, sizes, then the kind's own sentences, then undefined points."""
    experiments = description["experiments"]
    lines = [_data(experiment, description) for experiment in experiments] or ["No data, nothing is trained."]
    lines[-1] = f"{lines[-1]} Scale {description['scale']}."
    return "\n".join([*lines, " ".join(sentences), " ".join(map(_counted, description["undefined"]))])


def _data(experiment: Mapping[str, Any], description: Mapping[str, Any]) -> str:
    seeds = experiment["seeds"]
    examples = experiment["train_examples"]
    counted = f"{examples:,}" if isinstance(examples, int) else f"{min(examples):,} to {max(examples):,}"
    sizes = [f"n = {counted} training examples"]
    unit = "consecutive steps" if description.get("sample") == "trajectory" else "gradients"
    if experiment["samples"]:
        sizes.append(f"N = {experiment['samples']:,} {unit}")
    sizes.append(f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''} ({', '.join(map(str, seeds))})")
    name = f"{experiment['name']}: " if len(description["experiments"]) > 1 else ""
    return f"{name}{experiment['data']}; {', '.join(sizes)}."


def _counted(entry: Mapping[str, Any]) -> str:
    reasons = entry["reasons"]
    if not reasons:
        return f"All {entry['points']:,} {entry['of']} are defined."
    total = sum(reasons.values())
    listed = "; ".join(f"{count:,} \N{MULTIPLICATION SIGN} {reason.rstrip('.')}" for reason, count in reasons.items())
    return f"No defined value, left out: {total:,} of {entry['points']:,} {entry['of']} ({listed})."


def number(value: float) -> str:
    """A small number in text, with two digits at most."""
    digits, exponent = f"{value:.1e}".split("e")
    return f"{float(digits):g}e{int(exponent)}".replace("-", "\N{MINUS SIGN}")


def save(figure: Figure, outputs: Mapping[str, str | Path]) -> None:
    """Write ``pdf`` and ``png`` (200 dpi), whole or not at all; the same figure gives the same bytes."""
    with whole_file(outputs["pdf"]) as temporary:
        figure.savefig(temporary, format="pdf", dpi=300, metadata={"CreationDate": None})
    with whole_file(outputs["png"]) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})
