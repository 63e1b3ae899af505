"""Two results in one panel, for figures of lines along training and of fitted power laws."""

import io
from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dropscape.figures import style
from dropscape.figures.style import PALETTE

COLORS = (PALETTE[0], PALETTE[1])
_LINES = {"run", "quantity", "step", "mean", "low", "high"}
_LAWS = {"run", "estimate", "range", "slope", "x_low", "y_low", "x_high", "y_high"}
MOST_PANELS = 8


def overlay(before: pd.DataFrame, after: pd.DataFrame, names: tuple[str, str]) -> bytes | None:
    """A PNG of the second tables of one figure, the first result in one colour and the second one in another.

    None where the tables are of a kind that is not laid over each other.
    """
    columns = set(before) & set(after)
    draw, by = (_lines, "quantity") if columns >= _LINES else (_laws, "range") if columns >= _LAWS else (None, "")
    if draw is None:
        return None
    panels = [one for one in before[by].unique() if one in set(after[by])][:MOST_PANELS]
    if not panels:
        return None
    with style.applied():
        figure = Figure(figsize=(2.4 * len(panels), 2.3), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            axes.set_title(str(panel))
            for table, color in zip((before, after), COLORS, strict=True):
                draw(axes, table[table[by] == panel], color)
        handles = [figure.axes[0].plot([], [], color=color)[0] for color in COLORS]
        figure.legend(handles, names, loc="outside lower left", ncols=2, frameon=False)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=130)
    return content.getvalue()


def _lines(axes: Axes, table: pd.DataFrame, color: str) -> None:
    """Means with the band from low to high over the steps, a line for each run."""
    for line in _groups(table, ["run", "keep_prob"]):
        line = line.sort_values("step")
        axes.fill_between(line["step"], line["low"], line["high"], color=color, alpha=0.15, lw=0)
        axes.plot(line["step"], line["mean"], color=color, marker="o" if len(line) == 1 else None)
    axes.set_xlabel("step")


def _laws(axes: Axes, table: pd.DataFrame, color: str) -> None:
    """The fitted power laws over the range that they are fitted to, one for each run and estimate."""
    for law in table.dropna(subset=["x_low", "y_low", "x_high", "y_high"]).to_dict("records"):
        axes.loglog([law["x_low"], law["x_high"]], [law["y_low"], law["y_high"]], color=color)
    axes.set_xlabel("fitted power laws")


def _groups(table: pd.DataFrame, keys: list[str]) -> Iterator[pd.DataFrame]:
    return (group for _, group in table.groupby([key for key in keys if key in table], dropna=False))
