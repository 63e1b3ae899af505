"""Draws how far neurons move from their initialisation, by the width of the network (paper D, Lemma 5.2)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures import curves, names, style
from dropscape.figures.content import rows_where
from dropscape.figures.distances.table import LARGEST, MEAN, SLOPES
from dropscape.figures.page import Page, legend_below


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per experiment."""
    facts, titles = page.description, names.experiment_titles(page.description["experiments"])
    looks = style.shades(summary["keep_prob"], "keep {:g}")
    meanings = [
        style.entry("largest of the neurons", lw=0.9, **style.marker("o")),
        style.entry("mean of the neurons", dashes=style.DOTTED, lw=0.9, **style.marker("o", hollow=True)),
        style.guide_entry(style.with_minus("slope -1/2")),
    ]
    moved = f"{facts['projected']:,} neurons" if facts["projected"] else "no neuron"
    sentences = [
        "Points: geometric mean of the distances $|w_{r,T}-w_{r,1}|$ at the last iterate over seeds; bars: min to max "
        "over seeds. The legends give the slopes over the widths, mean over seeds.",
        f"In {facts['trainings']} trainings the max-norm projection moved {moved}; the largest norm of a neuron "
        f"was {facts['norm_over_bound']:.2g} of its bound c.",
        f"The largest distance is {facts['distance_over_bound']:.1g} of the bound of Lemma 5.2.",
    ]
    title, legend_rows = "distance of the neurons from their initialisation", len(looks) + len(meanings)
    axes = page.row(title, list(titles.values()), sentences, 2.0, legend_rows, sharing=0)
    for panel, experiment in zip(axes, titles, strict=True):
        shown = rows_where(summary, experiment=experiment)
        handles = []
        for keep_prob, rows in shown.groupby("keep_prob"):
            look = looks[keep_prob]
            curves.with_bars(panel, rows_where(rows, quantity=LARGEST), look, "-", "width")
            curves.with_bars(panel, rows_where(rows, quantity=MEAN), look, style.DOTTED, "width", hollow=True)
            largest, mean = (rows_where(rows, quantity=slope).iloc[0] for slope in SLOPES.values())
            slopes = f": largest {largest['mean']:.2f}, mean {mean['mean']:.2f}" if largest["seeds"] else ""
            text = look.label + style.with_minus(slopes)
            handles.append(style.entry(text, look.colour, **style.marker(look.marker)))
        _axes(panel, rows_where(shown, quantity=LARGEST))
        legend_below(panel, [*handles, *(meanings if panel is axes[0] else [])])
    axes[0].set_ylabel("distance at the last iterate")


def _axes(panel: Axes, largest: pd.DataFrame) -> None:
    """Logarithmic axes and a line of slope -1/2 above the largest distances."""
    panel.set(xlabel="width $m$", xscale="log")
    style.label_logarithmic(panel.xaxis)
    if largest["mean"].gt(0).any():
        panel.set_yscale("log")
        style.label_logarithmic(panel.yaxis)
        widths = np.array([largest["width"].min(), largest["width"].max()])
        start = rows_where(largest, width=widths[0])["mean"].max()
        panel.plot(widths, 1.4 * start * (widths / widths[0]) ** -0.5, **style.GUIDE)
