"""Draws slices of the loss through end points of training with and without dropout (paper A, Fig. 1)."""

import math

import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures import curves, names, objectives, style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

_HIGH = 5  # a panel whose losses go so many times above the level of a width is logarithmic above it
_MOVED = {
    "weights": "Weights alone move; biases and the scales and shifts of norms do not",
    "all": "Biases and the scales and shifts of norms move too, each as a filter",
}


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per experiment."""
    description = page.description
    titles = names.experiment_titles(description["experiments"])
    moved = "; ".join(_MOVED[each] for each in description["moved"])
    sentences = [
        r"The loss without dropout is taken at $\theta + \alpha d$ for random directions d, in which each filter is as "
        rf"long as the network's (a dense layer is one). {moved}; batch norm keeps its statistics of $\theta$. "
        "Both networks have the same directions.",
        f"Lines: median over {description['directions']} directions and the seeds; shading: quartiles. Bars: the "
        "median width within which the loss is below its value at 0 plus the rise.",
    ]
    if any(description["smoothing"]):
        sentences.append("The cross-entropy with smoothed labels keeps their entropy, below which it cannot fall.")
    if summary["test_accuracy"].notna().any():
        sentences.append("Percentages: test accuracy at the end of training.")
    by_panel = {experiment: rows_where(summary, experiment=experiment) for experiment in titles}
    if any(_is_high(rows) for rows in by_panel.values()):
        sentences.append(f"Axes that go beyond {_HIGH} times the bars' height are logarithmic above a power of ten.")
    title, row = "loss around the end points of training", list(titles.values())
    axes = page.row(title, row, sentences, 1.6, legend_rows=3, sharing=0)
    for panel, rows, loss in zip(axes, by_panel.values(), description["losses"], strict=True):
        _panel(panel, rows, "nats" if loss == "cross_entropy" else "")
    axes[0].set_ylabel("loss [nats]" if set(description["losses"]) == {"cross_entropy"} else "loss")


def _panel(panel: Axes, summary: pd.DataFrame, unit: str) -> None:
    handles = []
    panel.set_xlabel(r"$\alpha$ [filter norms]")
    dashes = style.dashes_of(sorted(set(summary["optimizer"]), reverse=True))
    for (_, keep_prob), rows in sorted(summary.groupby(["run", "keep_prob"]), key=lambda item: -item[0][1]):
        look, run = style.WITHOUT_DROPOUT if keep_prob == 1 else style.WITH_DROPOUT, rows.iloc[0]
        dash = dashes[run["optimizer"]]
        curves.band(panel, rows.rename(columns={"median": "mean"}), look, dash, x="alpha")
        width, level = run["half_width"], run["loss0"] + run["rise"]
        panel.plot([-width, width], [level, level], color=look.colour, lw=0.8, marker="|", ms=5, mew=0.8, zorder=4)
        accuracy = run["test_accuracy"]
        percentage = "" if math.isnan(accuracy) else f" ({100 * accuracy:.1f} %)"
        optimizer = f", {objectives.OPTIMIZERS[run['optimizer']]}" if len(dashes) > 1 else ""
        handles.append(style.entry(look.label + optimizer + percentage, look.colour, dash))
    rise = f"width at a rise of {summary['rise'].iloc[0]:.3g} {unit}".strip()
    handles.append(style.entry(rise, "0.35", marker="|", ms=5, mew=0.8, lw=0.8))
    if _is_high(summary):
        _logarithmic_above(panel, _level(summary), summary["high"].max())
    else:
        panel.set_ylim(0, None)
    legend_below(panel, handles)


def _level(summary: pd.DataFrame) -> float:
    """The higher end of both networks' bars."""
    return float((summary["loss0"] + summary["rise"]).max())


def _is_high(summary: pd.DataFrame) -> bool:
    return bool(summary["median"].max() > _HIGH * _level(summary))


def _logarithmic_above(panel: Axes, level: float, highest: float) -> None:
    """Linear up to the first power of ten that is not below the level, so that the flat part and the rise are seen."""
    start = math.ceil(math.log10(level))
    panel.set_yscale("symlog", linthresh=10.0**start, linscale=2)
    powers = range(start, max(start + 1, math.ceil(math.log10(highest))) + 1)
    panel.set_ylim(0, 10.0 ** powers[-1])
    panel.set_yticks([0, 10.0**start / 2, *(10.0**power for power in powers)])
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panel.minorticks_off()
