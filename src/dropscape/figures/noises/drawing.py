"""Draws flatness, loss and accuracy along trainings with different noise (paper C, appendix D)."""

import pandas as pd

from dropscape.figures import curves, methods, style
from dropscape.figures.content import rows_where
from dropscape.figures.noises.table import ACCURACY, LOSS, TRACE
from dropscape.figures.page import Page, legend_below

_MEAN = (0, (3, 1.2))  # dashes of descent on a mean loss, in the colour of its noise
_LOOKS = {
    "descent": (style.Look("none: descent on $R_S$", "0.2"), "-"),
    "sgd": (style.Look("batches (their mean loss is $R_S$)", style.PALETTE[0]), "-"),
    "dropout": (style.Look("dropout", style.PALETTE[1]), "-"),
    "dropout_mean": (style.Look("its mean loss $L_S$", style.PALETTE[1]), _MEAN),
    "parameter_noise": (style.Look("on the parameters", style.PALETTE[2]), "-"),
    "parameter_noise_mean": (style.Look("its mean loss", style.PALETTE[2]), _MEAN),
}
_TRACE, _LOSS = "Tr H [loss / parameter$^2$]", "training loss $R_S$"


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """The trace along training and against the loss, the loss and the accuracy; one curve per noise."""
    sentences = [
        methods.inputs_sentence(page.description),
        "H is the Hessian of the risk $R_S$ without noise; its trace is small where the loss is flat. Dashed: descent, "
        "without noise, on the mean of the noisy loss; what is left between it and the line is the noise's own.",
        f"Lines: mean over {methods.trials_of(summary)} trials of each noise, with the same initial parameters for all "
        "(geometric on logarithmic axes); shading: min to max.",
    ]
    titles = ["at equal loss", "along training", "", ""]
    axes = page.row("training with different noise", titles, sentences, 1.8, legend_rows=2, sharing=0)
    equal_loss, *along = axes
    shown = {method: look for method, look in _LOOKS.items() if method in set(summary["method"])}
    for method, (look, dashes) in shown.items():
        rows = rows_where(summary, method=method)
        traces, losses = (rows_where(rows, quantity=name).set_index("step")["mean"] for name in (TRACE, LOSS))
        equal_loss.plot(losses, traces.loc[losses.index], color=look.colour, ls=dashes, lw=1.1)
        for panel, quantity in zip(along, (TRACE, LOSS, ACCURACY), strict=True):
            values = rows_where(rows, quantity=quantity)
            curves.band(panel, curves.percent(values) if quantity == ACCURACY else values, look, dashes)
    labels = {equal_loss: _TRACE, along[0]: _TRACE, along[1]: _LOSS, along[2]: "test accuracy [%]"}
    for panel, label in labels.items():
        panel.set_ylabel(label, labelpad=1)
    for panel in along:
        curves.steps_axis(panel, summary["step"].max())
    equal_loss.set(xscale="log", xlabel=_LOSS)
    equal_loss.invert_xaxis()  # training goes to the right, as beside it
    for panel in axes[:3]:
        panel.set_yscale("log")
        style.label_logarithmic(panel.yaxis)
    style.label_logarithmic(equal_loss.xaxis)
    handles = [style.entry(look.label, look.colour, dashes, lw=1.1) for look, dashes in shown.values()]
    legend_below(axes[0], *(handles[start : start + 2] for start in range(0, len(handles), 2)))
