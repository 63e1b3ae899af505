"""How dropout, its stochastic modified equations and descent on the modified loss look (paper C, section 4)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dropscape.figures.draw.curves import band, steps_axis
from dropscape.figures.draw.scatter import label_two_and_five
from dropscape.figures.style import PALETTE, Look

LOOKS = {  # in the order in which figures show them
    "dropout": Look("dropout", "", PALETTE[1], "o"),
    "order_1": Look("SME of order 1", "", PALETTE[0], "^"),
    "order_2": Look("SME of order 2", "", PALETTE[2], "s"),
    "descent": Look("gradient descent on $L_S$", "", "0.2", "D"),
}
DASHES = {"dropout": "-", "order_1": (0, (4, 1.4)), "order_2": (0, (1, 1)), "descent": (0, (5, 1.2, 1, 1.2))}
BANDS = (
    "Lines: mean over trials; bands: least to greatest over trials. A trial that diverged is left out from there on."
)
_WIDE = 4  # means of which the greatest is so many times the least have a logarithmic axis
_HIGHEST = 20  # a loss above so many times its greatest mean at the start leaves the panel


def curves(axes: Axes, summary: pd.DataFrame) -> None:
    """The means and bands of all methods of one point, over the training step."""
    for method, look in LOOKS.items():
        own = summary[summary["method"] == method]
        if len(own):
            band(axes, own, look, DASHES[method])
    steps_axis(axes, summary["step"].max(), "training step")


def loss_axis(axes: Axes, summary: pd.DataFrame) -> None:
    """Logarithmic where losses span enough, and ends where a diverging loss has left what can be compared."""
    start = summary[summary["step"] == summary["step"].min()]["mean"].max()
    if summary["mean"].max() > _WIDE * summary["mean"].min():
        axes.set_yscale("log")
        label_two_and_five(axes.yaxis)
    if summary["high"].max() > _HIGHEST * start:
        axes.set_ylim(0.8 * summary["low"].min(), _HIGHEST * start)


def crosses(axes: Axes, summary: pd.DataFrame) -> None:
    """A cross on a method's mean, or where that leaves the panel, at the last step before the first trial is lost."""
    for place, (method, look) in enumerate(LOOKS.items()):
        own = summary[summary["method"] == method].sort_values("step")
        before = own[own["step"] < own["step"].where(own["undefined"] > 0).min()].tail(1)
        if len(before):
            height = min(before["mean"].iloc[0], axes.get_ylim()[1])
            # Two at one place are still two: the later one is smaller.
            axes.plot(
                before["step"], height, "x", color=look.colour, ms=8 - 2 * place, mew=1.4, zorder=5, clip_on=False
            )


def point_title(rows: pd.DataFrame) -> str:
    """The point's learning rate and keep probability."""
    point = rows.iloc[0]
    return rf"$\eta$ = {point['learning_rate']:g}, keep {point['keep_prob']:g}"


def handles(methods: Iterable[str]) -> list[Line2D]:
    """Legend entries of the methods that are shown."""
    shown = set(methods)
    return [
        Line2D([], [], color=look.colour, ls=DASHES[method], lw=1.1, label=look.label)
        for method, look in LOOKS.items()
        if method in shown
    ]


def cross() -> Line2D:
    """The legend entry of a divergence."""
    return Line2D([], [], color="0.35", ls="", marker="x", ms=4, mew=1.2, label="a trial diverges")


def trials_sentence(summary: pd.DataFrame) -> str:
    """How many trials the means rest on."""
    counts = sorted({int(count) for count in summary["trials"] + summary["undefined"]})
    return f"{' or '.join(map(str, counts))} trials of each method, which share their starts."


def inputs_sentence(description: Mapping[str, Any]) -> str:
    """The network, what it sees and which loss it has."""
    model, side, loss = (description[key] for key in ("model", "side", "loss"))
    smooth = "" if "relu" not in model else ", which the theory does not cover: it asks for a smooth activation"
    of_loss = "half the squared error summed over the outputs" if loss == "mse" else "the mean squared error"
    images = f"images of {side} \N{MULTIPLICATION SIGN} {side} pixels"
    return f"A network of {model}{smooth}; {images}; the loss is {of_loss}."


def diverged_sentence(diverged: Sequence[Mapping[str, Any]], summary: pd.DataFrame) -> str:
    """Which trials diverged and when; or that none did."""
    if not diverged:
        return "No trial diverges."
    parts = []
    for entry in diverged:
        trials = entry["trials"]
        named = f"all {entry['of']} trials" if len(trials) == entry["of"] else f"trials {', '.join(map(str, trials))}"
        if len(trials) == 1 < entry["of"]:
            named = f"trial {trials[0]}"
        point = point_title(summary[summary["run"] == entry["run"]])
        parts.append(f"{LOOKS[entry['method']].label} at {point}: {named}, by step {entry['step']:,}")
    return f"Diverged: {'; '.join(parts)}."
