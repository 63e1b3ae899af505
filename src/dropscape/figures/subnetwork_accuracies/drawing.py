"""Draws accuracies of full networks and of sub-networks, such as those that training visits (paper D, Fig. 1)."""

from itertools import chain

import pandas as pd

from dropscape.figures import accuracy_panels, style, subnetworks
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, batches, legend_below

_COLUMNS = 3
_DASHED = (0, (3, 1.2))


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """One panel per width and dropped share."""
    panels = dict(list(summary.groupby(["panel", "width", "dropped_share"])))
    runs = int(summary["runs"].max())
    spread = f"mean over {runs} runs; shading: a standard deviation over runs." if runs > 1 else "one run, no shading."
    looks = {name: look for name, look in accuracy_panels.LOOKS.items() if name in set(summary["network"])}
    sentences = [f"Lines: {spread}", accuracy_panels.SYMBOLS]
    if subnetworks.VISITED in looks:
        sentences.insert(0, "Each iterate's sub-network is that of its mask $B_t$.")
    titles = batches([accuracy_panels.panel_title(width, share) for _, width, share in panels], _COLUMNS)
    handles = [style.entry(look.label, look.colour, _dashes(name)) for name, look in looks.items()]
    columns = [list(column) for column in batches(handles, -(-len(handles) // _COLUMNS))]
    axes = page.grid("full networks and sub-networks", titles, sentences, 1.45, legend_rows=len(columns[0]))
    for panel, rows in zip(chain.from_iterable(axes), panels.values(), strict=True):
        for network, look in looks.items():
            curve = rows_where(rows, network=network).sort_values("step")
            panel.fill_between(curve["step"], curve["low"], curve["high"], color=look.colour, alpha=0.2, lw=0)
            panel.plot(curve["step"], curve["mean"], color=look.colour, ls=_dashes(network), lw=1.1)
        accuracy_panels.iterations_axis(panel, rows["step"].max())
    accuracy_panels.accuracy_axis(axes[0][0], summary["mean"])
    for row in axes:
        row[0].set_ylabel("test accuracy [%]")
    legend_below(axes[-1][0], *columns)


def _dashes(network: str) -> str | tuple:
    """Full networks have solid lines."""
    return "-" if network.startswith(subnetworks.FULL) else _DASHED
