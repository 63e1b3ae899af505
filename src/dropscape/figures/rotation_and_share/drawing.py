"""Draws rotation against the share of few orientations, and both over widths (beyond paper B)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures import curves, objectives, runs, style
from dropscape.figures.page import Page, legend_below
from dropscape.figures.rotation_and_share.table import ROTATION, SHARE

_SHARE = "share of contributions in four orientations"
CONDENSED_SHARE, CONDENSED_ROTATION = 0.8, 10  # degrees; what the claims on condensation ask for


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A panel for each optimizer, of the width that most runs have; and one over widths, if there are several."""
    keys = [*runs.OBJECTIVE_RUN, "width"]
    wide = {of: summary[summary["quantity"] == of].set_index(keys) for of in (ROTATION, SHARE)}
    width = summary["width"].mode()[0]
    by_optimizer = list(dict.fromkeys(summary["optimizer"]))
    several = len(set(summary["width"])) > 1
    titles = [f"{objectives.OPTIMIZERS[one]}, width {width:,}" for one in by_optimizer]
    sentences = [
        "Rotation: mean angle between a neuron's input weights at the start and at the end, weighted by what it "
        "contributes to the output. Share: of the contributions, in the four best windows of orientation. The shaded "
        f"corner is what is called condensed: a share of at least {CONDENSED_SHARE} and more than "
        f"{CONDENSED_ROTATION} degrees. Left of it a high share is selection: few neurons outgrow the others, or the "
        "others die.",
        "Lines through a point: min to max over seeds.",
    ]
    scales = dict(zip(_ordered(summary["initial_scale"]), "vo^sDPX", strict=False))
    looks = style.shades(summary["keep_prob"], "keep {:g}")
    rows = max(len(looks), len(scales))
    right = 90 if wide[ROTATION]["high"].max() <= 90 else 180
    axes = page.row(
        "selection and rotation", [*titles, *(["over the width"] * several)], sentences, 2.4, rows, len(by_optimizer)
    )
    for panel, optimizer in zip(axes, by_optimizer, strict=False):
        panel.axvspan(CONDENSED_ROTATION, right, CONDENSED_SHARE, 1, color="0.92", lw=0)
        for key, share in wide[SHARE].iterrows():
            run = dict(zip(keys, key, strict=True))
            if (run["optimizer"], run["width"]) == (optimizer, width):
                rotation, look = wide[ROTATION].loc[key], looks[run["keep_prob"]]
                _point(panel, rotation, share, look.colour, scales[run["initial_scale"]])
        panel.set(xlim=(0, right), ylim=(0, 1), xlabel="rotation [degrees]", xticks=range(0, right + 1, 30))
    axes[0].set_ylabel(_SHARE)
    legend_below(
        axes[0],
        [style.entry(look.label, look.colour, "", **style.marker("o")) for look in looks.values()],
        [style.entry(f"initial scale {scale}", "0.4", "", **style.marker(shape)) for scale, shape in scales.items()],
    )
    if several:
        _over_widths(axes[-1], summary)


def _ordered(scales: pd.Series) -> list[str]:
    return sorted(set(scales), key=lambda scale: [float(one) for one in scale.split(", ") if one])


def _point(panel: Axes, x: pd.Series, y: pd.Series, colour: str, shape: str) -> None:
    panel.plot([x["low"], x["high"]], [y["mean"]] * 2, color=colour, lw=0.7)
    panel.plot([x["mean"]] * 2, [y["low"], y["high"]], color=colour, lw=0.7)
    panel.plot(x["mean"], y["mean"], color=colour, ls="", **style.marker(shape))


def _over_widths(panel: Axes, summary: pd.DataFrame) -> None:
    """The share of runs that were made at several widths, by optimizer and dropout."""
    settings = ["optimizer", "keep_prob", "initial_scale"]
    handles = []
    for (optimizer, keep_prob, _), rows in summary.groupby(settings, sort=False):
        if rows["width"].nunique() < 2:
            continue
        colour = style.PALETTE[1 if keep_prob < 1 else 0]
        dashes = "-" if optimizer == "adam" else style.DOTTED
        curves.with_bars(panel, rows[rows["quantity"] == SHARE], style.Look("", colour), dashes, "width")
        label = f"keep {keep_prob:g}" if keep_prob < 1 else "without dropout"
        handles.append(style.entry(f"{label}, {objectives.OPTIMIZERS[optimizer]}", colour, dashes))
    panel.axhline(CONDENSED_SHARE, ls="--", **style.GUIDE)
    widths = np.unique(summary["width"])
    panel.set(xscale="log", ylim=(0, 1), xlabel="width", xlim=(widths[0] / 1.5, widths[-1] * 1.5))
    legend_below(panel, handles)
