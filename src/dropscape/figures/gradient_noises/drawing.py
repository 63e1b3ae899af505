"""Draws flatness, loss and accuracy of trainings with dropout and with other noise in its place (beyond paper A)."""

import pandas as pd

from dropscape.figures import curves, style
from dropscape.figures.content import rows_where
from dropscape.figures.gradient_noises.table import ACCURACY, ALONG, AT_END, EIGENVALUE, LOSS, TRACE, WIDTH
from dropscape.figures.page import Page, batches, legend_below

_LABELS = {
    LOSS: "training loss $R_S$ [nats]",
    EIGENVALUE: r"$\lambda_{max}(H)$ [loss / parameter$^2$]",
    TRACE: "Tr H [loss / parameter$^2$]",
    WIDTH: "half width [filter norms]",
    ACCURACY: "test accuracy [%]",
}
_NOISES = {
    "dropout": ("$R_S$ + dropout's own noise", 1),
    "isotropic": ("$R_S$ + isotropic noise", 0),
    "rotated": ("$R_S$ + dropout's noise, rotated", 9),
    "hessian": ("$R_S$ + noise along the Hessian", 4),
}


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """The course of training above, its end below; a colour for each training."""
    runs = summary[["run", "noise", "mask_mode", "keep_prob"]].fillna({"noise": ""}).drop_duplicates()
    looks = {row.run: _look(row) for row in sorted(runs.itertuples(), key=_order)}
    sentences = [
        "H is the Hessian of the risk $R_S$, without dropout, in all parameters. The noises are added to the gradient "
        "of $R_S$ and have, in each layer and at each step, the trace of the covariance of dropout's gradient there; "
        "unless the legend says otherwise one mask a step is shared by all examples. Dropout with a mask for each "
        "example descends the same mean loss with hardly any noise. All trainings are compared after equally many "
        "steps at one learning rate.",
        f"Half width: how far filter-normalised random directions go until the loss has risen by "
        f"{page.description['rise']:g} nats, geometric mean over directions.",
        curves.GEOMETRIC_RANGE + " Dots: seeds; bars: their mean (geometric but for the accuracy).",
    ]
    titles = [["along training", "", ""], ["at the end of training", "", ""]]
    title = "does the direction of the noise make the minimum flat?"
    above, below = page.grid(title, titles, sentences, 1.7, legend_rows=4, sharing=0)
    last = summary["step"].max()
    for panel, quantity in zip(above, ALONG, strict=True):
        for run, look in looks.items():
            dashes = style.DOTTED if look.variant else "-"
            curves.band(panel, rows_where(summary, quantity=quantity, run=run), look, dashes)
        panel.set(xlim=(0, last), xlabel="training step", yscale="log")
        panel.set_ylabel(_LABELS[quantity], labelpad=1)
    for panel, quantity in zip(below, AT_END, strict=True):
        factor = 100 if quantity == ACCURACY else 1
        for position, (run, look) in enumerate(looks.items()):
            seeds, mean = (rows_where(one, quantity=quantity, run=run, step=last) for one in (points, summary))
            panel.plot([position] * len(seeds), factor * seeds["value"], "o", color=look.colour, ms=3, mew=0, alpha=0.7)
            panel.hlines(factor * mean["mean"], position - 0.35, position + 0.35, color=look.colour, lw=1.4)
        panel.set(xlim=(-0.7, len(looks) - 0.3), xlabel="training, by its number")
        panel.set_xticks(range(len(looks)), [str(number) for number, _ in enumerate(looks, 1)])
        panel.tick_params(axis="x", length=0)
        panel.set_ylabel(_LABELS[quantity], labelpad=1)
        if quantity != ACCURACY:
            panel.set_yscale("log")
            style.label_logarithmic(panel.yaxis)
    handles = [
        style.entry(f"{number}: {look.label}", look.colour, style.DOTTED if look.variant else "-")
        for number, look in enumerate(looks.values(), 1)
    ]
    legend_below(below[0], *batches(handles, 4))


def _order(row) -> tuple:
    """Without dropout first, then dropout, then the noises."""
    return row.keep_prob < 1, [*("",), *_NOISES].index(row.noise), row.mask_mode == "per_example"


def _look(row) -> style.Look:
    """What the legend calls a run, and its colour; dotted for a mask of each example."""
    if row.keep_prob == 1:
        return style.Look("$R_S$ alone: without dropout", "0.15")
    per_example = row.mask_mode == "per_example"
    label, hue = _NOISES.get(row.noise, ("dropout", 2))
    return style.Look(
        label + ", one mask per example" * per_example, style.PALETTE[hue], variant=row.mask_mode * per_example
    )
