"""Plots in which a reader asks each point of a figure what it is; bokeh draws them in the browser."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from bokeh.embed import json_item
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, HoverTool, Legend, LegendItem, Plot
from bokeh.palettes import Colorblind8
from bokeh.plotting import figure
from bokeh.resources import Resources

_DIGITS = 5  # of a number in a plot: more than a screen shows
_HEIGHT = 380  # pixels of a panel


def library() -> str:
    """The part of bokeh that runs in the browser, as JavaScript."""
    return Resources(mode="inline", components=["bokeh"], minified=True).js_raw[0]


def plot(points: pd.DataFrame, scatter: Mapping[str, Any]) -> str:
    """The points of a figure as what ``Bokeh.embed.embed_item`` draws, in JSON: a panel below another, linked axes.

    Empty where there are no points.

    Args:
        points: the figure's table; what has a ``reason``, or is not ``drawn``, is left out.
        scatter: a ``figures.settings.Scatter`` as a mapping.
    """
    shown = points[points["reason"].isna() | (points["reason"] == "")]
    shown = shown[shown["drawn"]] if "drawn" in shown else shown
    if shown.empty:
        return ""
    runs = list(dict.fromkeys(shown["run"]))
    panels: list[Plot] = []
    for value, rows in shown.groupby(scatter["by"], sort=False):
        linked = {"x_range": panels[0].x_range, "y_range": panels[0].y_range} if panels else {}
        panels.append(_panel(f"{scatter['by']}: {value}".replace("_", " "), rows, scatter, runs, linked))
    return json.dumps(json_item(column(*panels, sizing_mode="stretch_width")), separators=(",", ":"))


def _panel(title: str, rows: pd.DataFrame, scatter: Mapping[str, Any], runs: list[str], linked: Mapping) -> Plot:
    """One panel: a colour for each run, which a click on its name hides, and what the pointer asks of a point."""
    kind = "log" if scatter["logarithmic"] else "linear"
    panel = figure(
        title=title,
        height=_HEIGHT,
        sizing_mode="stretch_width",
        x_axis_type=kind,
        y_axis_type=kind,
        x_axis_label=scatter["x_label"],
        y_axis_label=scatter["y_label"],
        tools="pan,box_zoom,wheel_zoom,reset",
        active_scroll="wheel_zoom",
        output_backend="canvas",
        **linked,
    )
    columns = [scatter["x"], scatter["y"]]
    items = []
    for index, run in enumerate(runs):
        of_run = rows[rows["run"] == run]
        if of_run.empty:
            continue
        data = {name: [float(f"{value:.{_DIGITS}g}") for value in of_run[name]] for name in columns}
        data |= {name: of_run[name].tolist() for name in scatter["names"]}
        glyph = panel.scatter(
            *columns, source=ColumnDataSource(data), size=6, alpha=0.6, line_width=0, color=Colorblind8[index % 8]
        )
        items.append(LegendItem(label=run, renderers=[glyph]))
    panel.add_layout(Legend(items=items, click_policy="hide", ncols=3, border_line_width=0, location=(0, 0)), "below")
    said = {word: f"@{name}" for name, word in scatter["names"].items()}
    said |= {name: f"@{name}" for name in columns}
    panel.add_tools(HoverTool(tooltips=list(said.items())))
    panel.toolbar.logo = None
    return panel
