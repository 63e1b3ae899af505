"""Draws accuracies of full networks and of random sub-networks that stay fixed along training (paper D, Fig. 2)."""

import pandas as pd

from dropscape.figures import accuracy_panels, style, subnetworks
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

_ORANGE = style.PALETTE[1]


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per width and dropped share."""
    first, runs = points["run"].min(), points["run"].nunique()
    panels = dict(list(rows_where(points, run=first).groupby(["panel", "width", "dropped_share"])))
    masks = f"{page.description['masks']} masks" + (f" (run {first} of {runs})" if runs > 1 else "")
    sentences = [
        f"Orange: sub-networks of masks that are drawn once and stay, one line for each of {masks}.",
        accuracy_panels.SYMBOLS,
    ]
    titles = [accuracy_panels.panel_title(width, share) for _, width, share in panels]
    axes = page.row("full networks and random sub-networks", titles, sentences, 1.7, legend_rows=1)
    full = accuracy_panels.LOOKS[subnetworks.FULL]
    for panel, shown in zip(axes, panels.values(), strict=True):
        shown = shown.sort_values("step")
        random = rows_where(shown, network=subnetworks.RANDOM)
        random = random.pivot_table(index="step", columns="mask", values="value", dropna=False)
        panel.plot(random.index, random.to_numpy(), color=_ORANGE, lw=0.5, alpha=0.35, rasterized=True)
        curve = rows_where(shown, network=subnetworks.FULL)
        panel.plot(curve["step"], curve["value"], color=full.colour, lw=1.3)
        accuracy_panels.iterations_axis(panel, shown["step"].max())
    accuracy_panels.accuracy_axis(axes[0], summary[["low", "high"]].to_numpy())
    axes[0].set_ylabel("test accuracy [%]")
    random = style.entry(r"random sub-networks $g(W_t;\, \cdot\,, B_k)$", _ORANGE, lw=0.7)
    legend_below(axes[0], style.entries([full]), [random])
