"""How dropout, its stochastic modified equations and descent on the modified loss look (paper C, section 4)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures.content import rows_where
from dropscape.figures.curves import band, steps_axis
from dropscape.figures.page import legend_below
from dropscape.figures.style import PALETTE, Look, entry, label_logarithmic

LOOKS = {  # in the order in which figures show them
    "dropout": Look("dropout", PALETTE[1]),
    "dropout_again": Look("dropout, other masks", PALETTE[5]),
    "order_1": Look("SME of order 1", PALETTE[0]),
    "order_1_many": Look("SME of order 1, many samples", PALETTE[4]),
    "order_2": Look("SME of order 2", PALETTE[2]),
    "descent": Look("gradient descent on $L_S$", "0.2"),
}
_DASHES = {"dropout": "-", "dropout_again": "-", "order_1": (0, (4, 1.4)), "order_1_many": (0, (2, 1))}
_DASHES |= {"order_2": (0, (1, 1)), "descent": (0, (5, 1.2, 1, 1.2))}
_WIDE = 4  # means that span more than this factor have a logarithmic axis
_HIGHEST = 20  # a loss above so many times its max mean at the start leaves the panel


def curves(axes: Axes, summary: pd.DataFrame, of_losses: bool = True) -> None:
    """The means and ranges of all methods of one point over the training step, and where their trials diverge."""
    for method, look in LOOKS.items():
        rows = rows_where(summary, method=method)
        if len(rows):
            band(axes, rows, look, _DASHES[method])
    steps_axis(axes, summary["step"].max())
    if of_losses:
        _loss_axis(axes, summary)
    _crosses(axes, summary)


def _loss_axis(axes: Axes, summary: pd.DataFrame) -> None:
    """Logarithmic where losses span enough, and ends where a diverging loss has left what can be compared."""
    start = summary[summary["step"] == summary["step"].min()]["mean"].max()
    if summary["mean"].max() > _WIDE * summary["mean"].min():
        axes.set_yscale("log")
    if summary["high"].max() > _HIGHEST * start:
        axes.set_ylim(0.8 * summary["low"].min(), _HIGHEST * start)
    if axes.get_yscale() == "log":
        label_logarithmic(axes.yaxis)


def _crosses(axes: Axes, summary: pd.DataFrame) -> None:
    """A cross on a method's mean, or where that leaves the panel, at the last step before the first trial is lost."""
    for index, (method, look) in enumerate(LOOKS.items()):
        rows = rows_where(summary, method=method).sort_values("step")
        before = rows[rows["step"] < rows["step"].where(rows["undefined"] > 0).min()].tail(1)
        if len(before):
            height = min(before["mean"].iloc[0], axes.get_ylim()[1])
            size = 8 - 2 * index  # the second of two at the same point is seen on the first
            axes.plot(before["step"], height, "x", color=look.colour, ms=size, mew=1.4, zorder=5, clip_on=False)


def point_title(rows: pd.DataFrame) -> str:
    """The point's learning rate and keep probability."""
    point = rows.iloc[0]
    return rf"$\eta$ = {point['learning_rate']:g}, keep {point['keep_prob']:g}"


def legend(axes: Axes, summary: pd.DataFrame, diverged: Sequence[Any]) -> None:
    """The methods that are shown, and what a cross means, below the axes."""
    shown = {method: look for method, look in LOOKS.items() if method in set(summary["method"])}
    entries = [entry(look.label, look.colour, _DASHES[method], lw=1.1) for method, look in shown.items()]
    if diverged:
        entries.append(entry("a trial diverges", "0.35", "", marker="x", ms=4, mew=1.2))
    legend_below(axes, *([one] for one in entries))


def sentences(description: Mapping[str, Any], summary: pd.DataFrame, meaning: str) -> list[str]:
    """The footer: the network, the trials, what is shown, and which trials diverge."""
    return [
        inputs_sentence(description),
        meaning,
        f"Lines: mean over {trials_of(summary)} trials of each method, with the same initial parameters for all. "
        "Shading: min to max over trials; diverged trials are omitted from then on.",
        diverged_sentence(description["diverged"], summary),
    ]


def trials_of(summary: pd.DataFrame) -> str:
    """How many trials the means rest on."""
    counts = sorted({int(count) for count in summary["trials"] + summary["undefined"]})
    return " or ".join(map(str, counts))


def inputs_sentence(description: Mapping[str, Any]) -> str:
    """What the network sees, which loss it has, and whether the theory covers it."""
    model, side, loss = (description[key] for key in ("model", "side", "loss"))
    squared = "half the squared error summed over the outputs" if loss == "mse" else "the mean squared error"
    uncovered = " The theory does not cover it, since it asks for a smooth activation." if "relu" in model else ""
    size = f"{side} \N{MULTIPLICATION SIGN} {side} pixels"
    return f"The network sees images of {size}; the loss is {squared}.{uncovered}{_estimated(description['estimated'])}"


def _estimated(settings: Mapping[str, Any] | None) -> str:
    """The batch size, and how many gradients stand for an equation's drift and covariance, where it is not exact."""
    if not settings or not settings["samples"]:
        return ""
    batch, samples, many = (settings[key] for key in ("batch_size", "samples", "many_samples"))
    drawn = f" A step of dropout takes {batch:,} examples, drawn anew." if batch else ""
    more = f" (many samples: {many:,})" if many else ""
    return (
        f"{drawn} A step of the SME is estimated from M = {samples:,} gradients of dropout{more}; 1/M of its noise is "
        "dropout's own."
    )


def diverged_sentence(diverged: Sequence[Mapping[str, Any]], summary: pd.DataFrame) -> str:
    """Which trials diverged and when; or that none did."""
    if not diverged:
        return "No trial diverges."
    groups = []
    for group in diverged:
        trials, count = group["trials"], group["of"]
        named = f"trial{'s' if len(trials) > 1 else ''} {', '.join(map(str, trials))}"
        named = f"all {count} trials" if len(trials) == count else named
        point = point_title(rows_where(summary, run=group["run"]))
        groups.append(f"{LOOKS[group['method']].label} at {point}: {named}, by step {group['step']:,}")
    return f"Diverged: {'; '.join(groups)}."
