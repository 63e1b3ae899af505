"""Draws the sharpest curvature along training against the edge of stability (beyond paper A)."""

import pandas as pd

from dropscape.figures import curves, style
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below
from dropscape.figures.sharpness.table import DROPOUT, RISK

_DASHES = {RISK: "-", DROPOUT: (0, (1, 1.2))}
_SYMBOLS = {RISK: "Hessian of $R_S$", DROPOUT: "Hessian of $R_S^{drop}$"}


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A panel for each learning rate, a colour for each keep probability."""
    by_rate = dict(list(summary.groupby("learning_rate")))
    colours = style.hues(sorted({*summary["keep_prob"]} - {1}, reverse=True))
    looks = {keep_prob: style.Look(f"keep {keep_prob:g}", colour) for keep_prob, colour in colours.items()}
    looks[1] = style.Look("without dropout", "0.15")
    sentences = [
        "Largest eigenvalue of the Hessian in all parameters: of the risk $R_S$ without dropout, and dotted of the "
        "loss $R_S^{drop}$ that trainings with dropout descend, with one mask per example; they go on through the "
        "steps of the recorded trajectory. Gradient descent is unstable along directions of curvature above "
        "2 / learning rate.",
        curves.GEOMETRIC_RANGE,
    ]
    titles = [f"learning rate {rate:g}" for rate in by_rate]
    legend_rows = max(3, *(rows["keep_prob"].nunique() for rows in by_rate.values()))
    axes = page.row("sharpest curvature and the edge of stability", titles, sentences, 2.3, legend_rows)
    for panel, (rate, rows) in zip(axes, by_rate.items(), strict=True):
        panel.set_yscale("log")
        runs = rows[["experiment", "run", "keep_prob"]].drop_duplicates().sort_values("keep_prob", ascending=False)
        handles = []
        for run in runs.itertuples():
            look = looks[run.keep_prob]
            for quantity, dashes in _DASHES.items():
                chosen = rows_where(rows, experiment=run.experiment, run=run.run, quantity=quantity)
                curves.band(panel, chosen, look, dashes)
            handles.append(style.entry(look.label, look.colour))
        panel.axhline(2 / rate, ls="--", **style.GUIDE)
        curves.steps_axis(panel, summary["step"].max(), curves.EPOCHS)
        lines = [style.entry(symbol, dashes=_DASHES[quantity]) for quantity, symbol in _SYMBOLS.items()]
        legend_below(panel, handles, [*lines, style.guide_entry(f"2 / learning rate = {2 / rate:g}", "--")])
    axes[0].set_ylabel(r"$\lambda_{max}$ [loss / parameter$^2$]")
