"""Draws how far dropout's mean iterate is from the flows of paper B, by learning rate (eq. 6)."""

import pandas as pd

from dropscape.figures import curves, style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

_LOOKS = {
    "risk_plus_r1": style.Look("flow of $R_S + R_1$", style.PALETTE[0], "s"),
    "with_r2": style.Look("flow of $R_S + R_1 + R_2$ (eq. 6)", style.PALETTE[1], "o"),
    "with_square": style.Look(
        r"flow of $R_S + R_1 + \frac{\varepsilon}{4}|\nabla (R_S + R_1)|^2$", style.PALETTE[2], "D"
    ),
}
_ITERATES = {"step": "one step", "time": "a fixed time", "epoch": "each mask once"}
_MASKS = {"shared": "shared masks", "per_example": "a mask for each example"}
_LINE = 0.1  # of a panel's height, between two slopes


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A row of panels for each mask mode, a panel for each kind of iterate, a curve for each flow."""
    panels = [
        [(masks, one) for one in _ITERATES if len(rows_where(summary, masks=masks, iterate=one))] for masks in _MASKS
    ]
    sentences = [
        f"Lines: geometric mean over {page.description['networks']} random networks of two hidden tanh units with two "
        "examples; shading: min to max. Means of iterates are exact, over all masks (keep probability 0.5). Numbers: "
        "slopes with 95 % intervals over networks.",
        "R₂ holds the trace of the noise's covariance, which the mask mode decides. After one step with a fresh mask "
        "it does not belong to the flow; where every mask comes once in an epoch, it does.",
    ]
    titles = [[f"{_ITERATES[one]}; {_MASKS[masks]}" for masks, one in row] for row in panels]
    grid = page.grid("distance of the mean iterate from flows", titles, sentences, 1.6, legend_rows=3)
    for row, keys in zip(grid, panels, strict=True):
        for axes, (masks, iterate) in zip(row, keys, strict=True):
            rows = rows_where(summary, masks=masks, iterate=iterate)
            for position, (flow, look) in enumerate(_LOOKS.items()):
                own = rows_where(rows, flow=flow)
                curves.band(axes, own, look, x="learning_rate")
                axes.plot(own["learning_rate"], own["mean"], ls="", color=look.colour, **style.marker(look.marker))
                first = own.iloc[0]
                slope = f"slope {first['slope']:.2f} [{first['slope_low']:.2f}, {first['slope_high']:.2f}]"
                place = (0.97, 0.28 - position * _LINE)
                axes.text(
                    *place,
                    style.with_minus(slope),
                    color=look.colour,
                    va="top",
                    ha="right",
                    fontsize=6,
                    transform=axes.transAxes,
                )
            axes.set(xscale="log", yscale="log", xlabel=r"learning rate $\varepsilon$")
        row[0].set_ylabel("distance [parameter]")
    for axis in (grid[0][0].xaxis, grid[0][0].yaxis):
        style.label_logarithmic(axis)
    legend_below(grid[-1][0], style.entries(_LOOKS.values()))
