"""The page of a figure: its title, its panels, the legends below them and the footer."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from matplotlib import cbook
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import TextToPath

from dropscape.figures.names import count_of, experiment_titles
from dropscape.figures.style import DPI

T = TypeVar("T")
PAGE_WIDTH = 7.1  # inches, the text width of a two-column page
_LEFT, _RIGHT, _TITLE, _TICKS, _LINE = 0.52, 0.12, 0.44, 0.46, 0.115  # inches
_LEGEND_ROW, _GAP, _PANEL_TITLE, _TITLE_LINE = 0.118, 0.16, 0.26, 0.125  # inches
_FOOTER_SIZE, _FOOTER_CHARACTERS = 5.4, 178  # points; characters of a line at most
_TITLE_CHARACTERS = 17.5  # of a panel's title, an inch


class Page:
    """What a figure is drawn on: ``figure``, once it has its panels; ``description`` is that of ``make_table``."""

    def __init__(self, description: Mapping[str, Any]):
        self.description = description

    def row(self, title: str, panel_titles: Sequence[str], *arguments: Any, **named: Any) -> list[Axes]:
        """One row of panels; the other arguments are those of ``grid``."""
        (axes,) = self.grid(title, [panel_titles], *arguments, **named)
        return axes

    def grid(
        self,
        title: str,
        panel_titles: Sequence[Sequence[str]],
        sentences: Sequence[str],
        height: float,
        legend_rows: int = 0,
        sharing: int | None = None,
        widths: Sequence[float] = (),
        left: float = _LEFT,
    ) -> list[list[Axes]]:
        """Rows of panels.

        Args:
            panel_titles: row by row one for each panel, wrapped to its width.
            sentences: of the footer.
            height: of a row, in inches.
            legend_rows: rows of the longest legend below the panels.
            sharing: so many columns from the left share their axes, whose numbers only the first one has; None: all.
            widths: relative widths of the columns; equal if there are none.
            left: room for the labels of the first column's vertical axes, in inches.
        """
        widths = widths or [1] * max(map(len, panel_titles))
        sharing = len(widths) if sharing is None else sharing
        gaps = [_GAP if column < sharing else _LEFT for column in range(1, len(widths))] + [_RIGHT]
        inches = (PAGE_WIDTH - left - sum(gaps)) / sum(widths)
        widths = [inches * width for width in widths]
        lines = [int((width + gap) * _TITLE_CHARACTERS) for width, gap in zip(widths, gaps, strict=True)]
        wrapped = [
            [textwrap.fill(text, line, break_on_hyphens=False) for text, line in zip(texts, lines, strict=False)]
            for texts in panel_titles
        ]
        more_lines = _TITLE_LINE * max(text.count("\n") for texts in wrapped for text in texts)
        footer = [line for text in self._footer(sentences) for line in _footer_lines(text)]
        bottom = _LINE * len(footer) + 0.06 + legend_rows * _LEGEND_ROW + _TICKS
        # Between rows there is room for the titles of the lower ones, if they have any.
        step = height + _TICKS + (_PANEL_TITLE + more_lines if any(map(any, wrapped[1:])) else 0)
        page_height = bottom + (len(wrapped) - 1) * step + height + more_lines + _TITLE
        self.figure = Figure(figsize=(PAGE_WIDTH, page_height), dpi=DPI)
        FigureCanvasAgg(self.figure)
        heading, at_left = f"{self.description['paper_reference']}: {title}", {"x": 0.08 / PAGE_WIDTH, "ha": "left"}
        self.figure.set_label(heading)
        self.figure.text(y=1 - 0.05 / page_height, s=heading, va="top", fontsize=8.5, fontweight="bold", **at_left)
        below = {"va": "bottom", "fontsize": _FOOTER_SIZE, "color": "0.25", "linespacing": 1.25} | at_left
        self.figure.text(y=0.05 / page_height, s="\n".join(footer), **below)
        axes: list[list[Axes]] = []
        for index, texts in enumerate(wrapped):
            axes.append([])
            for column, text in enumerate(texts):
                x = left + sum(widths[:column]) + sum(gaps[:column])
                y = bottom + (len(wrapped) - 1 - index) * step
                position = (x / PAGE_WIDTH, y / page_height, widths[column] / PAGE_WIDTH, height / page_height)
                first = axes[0][0] if (index or column) and column < sharing else None
                axes[-1].append(self.figure.add_axes(position, title=text, sharex=first, sharey=first))
                if first and column:
                    axes[-1][-1].tick_params(which="both", labelleft=False)
        return axes

    def _footer(self, sentences: Sequence[str]) -> list[str]:
        """What is said below: of each experiment, of the kind of figure, and of points that are left out."""
        experiments, own = self.description["experiments"], self.description["deviations"]
        titles = experiment_titles(experiments)
        lines = [self._data(experiment, titles[experiment["name"]]) for experiment in experiments]
        found = [experiment["deviations"] for experiment in experiments]
        if not experiments:
            lines, found, own = ["The figure shows theory; nothing is trained."], [own], []
        elif not any(found):
            lines[-1] += f" {self._scale(own)}"
            found, own = [], []
        said = [f"{line} {self._scale(phrases)}" for line, phrases in zip(lines, found, strict=False)] or lines
        said += [f"Differs from the paper's figure: {', '.join(own)}."] if own else []
        return [*said, " ".join(sentences), " ".join(map(_counted, self.description["undefined"]))]

    def _data(self, experiment: Mapping[str, Any], title: str) -> str:
        sizes = [f"n = {count_of(experiment['train_examples'])} training examples"]
        if experiment["samples"]:
            unit = "consecutive steps" if self.description.get("sample") == "trajectory" else "gradients"
            sizes.append(f"N = {experiment['samples']:,} {unit}")
        seeds = experiment["seeds"]
        sizes.append(f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''} ({', '.join(map(str, seeds))})")
        notes = "".join(f"; {note}" for note in experiment["notes"] or ())
        return f"{title[0].upper()}{title[1:]}; {experiment['data']}; {', '.join(sizes)}{notes}."

    def _scale(self, deviations: Sequence[str]) -> str:
        """Such as ``Scale quick: 2,000 of 10,000 training images.``; a scale alone has the paper's settings."""
        scale = self.description["scale"]
        if deviations:
            return f"Scale {scale}: {', '.join(deviations)}."
        return f"Scale {scale}." if scale == "paper" else f"Scale {scale}, with the paper's settings."


def _footer_lines(text: str) -> list[str]:
    """A text of the footer in lines that fit on the page, shorter ones where many of its characters are wide."""
    measure, font = TextToPath().get_text_width_height_descent, FontProperties(size=_FOOTER_SIZE)
    points = (PAGE_WIDTH - 2 * 0.08) * 72
    for characters in range(_FOOTER_CHARACTERS, 0, -1):
        lines = textwrap.wrap(text, characters)
        if all(measure(line, font, cbook.is_math_text(line))[0] <= points for line in lines):
            break
    return lines


def _counted(entry: Mapping[str, Any]) -> str:
    reasons = entry["reasons"]
    if not reasons:
        return f"All {entry['points']:,} {entry['of']} are defined."
    total = sum(reasons.values())
    listed = "; ".join(f"{count:,} \N{MULTIPLICATION SIGN} {reason.rstrip('.')}" for reason, count in reasons.items())
    return f"{total:,} of {entry['points']:,} {entry['of']} {'is' if total == 1 else 'are'} left out ({listed})."


def batches(values: Sequence[T], size: int) -> list[Sequence[T]]:
    """The values in their order, so many at a time."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def legend_below(axes: Axes, *columns: Sequence[Artist]) -> None:
    """A legend under the axis label, left aligned with the axes; each column is its labelled handles."""
    columns = [column for column in columns if column]
    longest = max(map(len, columns))
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
