"""Draws mean errors of the iterates of Algorithm 1 by their number (paper D, Theorems 4.1 and 4.2)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures import curves, names, style
from dropscape.figures.content import rows_where
from dropscape.figures.error_rates.table import ERROR, FULL, SLOPE, VISITED
from dropscape.figures.page import Page, legend_below

_NETWORKS = (FULL, VISITED)


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A row of panels per experiment, the full network's beside that of the visited sub-networks."""
    experiments = names.experiment_titles(page.description["experiments"])
    errors, slopes = (rows_where(summary, quantity=quantity) for quantity in (ERROR, SLOPE))
    dashes = style.dashes_of(sorted(errors["keep_prob"], reverse=True))
    looks = style.shades(errors["width"], "$m$ = {:,.0f}")
    bounds = page.description["bounds"]
    sentences = [
        r"The error is the misclassification of $q W_t$ and of $g(W_t;\, \cdot\,, B_t)$ on the test examples, mean "
        "over the iterates up to T.",
        curves.GEOMETRIC_RANGE,
        "Slopes are those of the last decade of T, min to max over networks and seeds; a mean over iterates that no "
        "longer err falls with slope -1 by itself.",
        f"The theorems' bounds at the last iterate are {bounds['error_bound']:.2g} (full network) and "
        f"{bounds['compression_bound']:.2g} (visited sub-networks) or more; the first is below 1 "
        f"from {bounds['informative_steps']:.1g} iterates on at the earliest. "
        f"The mean loss of all steps is at most {page.description['loss_over_bound']:.2g} of the bound of Lemma 5.1.",
    ]
    title, legend_rows = "mean error of the iterates by their number", max(len(looks), len(dashes) + 1)
    titles = [[f"{name}: {network}" for network in _NETWORKS] for name in experiments.values()]
    axes = page.grid(title, titles, sentences, 1.45, legend_rows)
    for row, experiment in zip(axes, experiments, strict=True):
        for panel, network in zip(row, _NETWORKS, strict=True):
            shown, fitted = (rows_where(table, experiment=experiment, network=network) for table in (errors, slopes))
            shown = shown[shown["step"] > 0]
            for (width, keep_prob), curve in shown.groupby(["width", "keep_prob"]):
                curves.band(panel, curve, looks[width], dashes[keep_prob])
            low, high = fitted["low"].min(), fitted["high"].max()
            slopes_of_panel = f"slopes {low:.2f} to {high:.2f}" if fitted["seeds"].any() else ""
            panel.text(0.03, 0.05, style.with_minus(slopes_of_panel), transform=panel.transAxes, fontsize=6.5)
            _axes(panel, shown)
        row[0].set_ylabel("mean error up to $T$")
    if errors["low"].gt(0).any():
        axes[0][0].set_ylim(errors.loc[errors["low"] > 0, "low"].min() / 1.5, 1)
    kept = [style.entry(f"keep probability {keep_prob:g}", dashes=dash) for keep_prob, dash in dashes.items()]
    guide = style.guide_entry(style.with_minus("slope -1"))
    legend_below(axes[-1][0], style.entries(looks.values()), [*kept, guide])


def _axes(panel: Axes, errors: pd.DataFrame) -> None:
    """Logarithmic axes and a line of slope -1 through the end of the highest curve."""
    panel.set_xlabel("iterations $T$")
    if errors["mean"].gt(0).any():
        panel.set(xscale="log", yscale="log")
        last = errors["step"].max()
        steps = np.array([last / 10, last])
        panel.plot(steps, 1.5 * rows_where(errors, step=last)["mean"].max() * last / steps, **style.GUIDE)
