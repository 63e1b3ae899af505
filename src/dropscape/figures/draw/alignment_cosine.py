"""Draws the cosine of Hessian and noise covariance along training (paper C, Fig. 3)."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.curves import band, steps_axis
from dropscape.figures.draw.scatter import split
from dropscape.figures.tables.alignment_cosine import BASELINE, PLAIN, UNBIASED

PAPER_BASELINE = 7.8e-4
_DASHES = {PLAIN: "-", UNBIASED: (0, (3, 1.4))}


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """Main runs, variants if there are any, and random matrices if they were measured; arguments as tabled."""
    looks = style.looks(summary)
    along = summary[summary["quantity"] != BASELINE]
    random = summary[summary["quantity"] == BASELINE]
    main, variants = split(looks, along)
    panels = [("Training with dropout", main)] + ([("Variants of the dropout", variants)] if variants else [])
    sentences = [
        "H: Hessian of the dropout-free loss, Σ: covariance of the gradients under fresh masks, at each recorded "
        "step of a training with dropout.",
        "Lines: mean over seeds; bands: least to greatest over seeds.",
        "Unbiased: with unbiased estimates of Tr(HΣ) and |Σ|².",
    ]
    if len(random):
        sentences.append(
            "Random matrices: with the spectra of H and Σ at the end of training (first seed) and random normalised "
            f"eigenvectors; mean and range over {description['pairs']} pairs."
        )
    figure, axes = style.page(
        f"{description['place']}: cosine of Hessian and noise covariance",
        [2.6] * len(panels) + [1] * bool(len(random)),
        2.3,
        style.legend_room(max(3, *(len(runs) for _, runs in panels))),
        style.footer(description, *sentences),
        apart=1 if len(random) else 0,
    )
    for panel, (title, runs) in zip(axes, panels, strict=False):
        for (run, _), look in runs.items():
            own = along[along["run"] == run]
            for quantity, dashes in _DASHES.items():
                band(panel, own[own["quantity"] == quantity], look, dashes)
        if description["level"] is not None:
            panel.axhline(description["level"], color="0.35", lw=0.7, ls=(0, (1, 1.5)), zorder=1)
        panel.set_ylim(np.nanmin([0, along["low"].min() * 1.05]), np.nanmax([1, along["high"].max()]) * 1.02)
        panel.set_title(title, loc="left", pad=4)
        steps_axis(panel, along["step"].max())
        colours = [Line2D([], [], color=look.colour, label=look.label) for look in runs.values()]
        style.legend_below(panel, [colours, _line_styles(description["level"])] if runs is main else [colours])
    axes[0].set_ylabel(r"cosine $\mathrm{Tr}(H\Sigma)\,/\,(\|H\|\,\|\Sigma\|)$")
    if len(random):
        _random_matrices(axes[-1], random, looks)
    return figure


def _line_styles(level: float | None) -> list[Line2D]:
    estimates = [
        Line2D([], [], color="0.3", ls=_DASHES[PLAIN], label="plain estimate (the paper's)"),
        Line2D([], [], color="0.3", ls=_DASHES[UNBIASED], label="unbiased estimate"),
    ]
    if level is None:
        return estimates
    return [*estimates, Line2D([], [], color="0.35", lw=0.7, ls=(0, (1, 1.5)), label=f"the paper's level, {level:g}")]


def _random_matrices(axes: Axes, random: pd.DataFrame, looks: Mapping[tuple[str, float], style.Look]) -> None:
    rows = random.set_index("run")
    for place, ((run, _), look) in enumerate((key, look) for key, look in looks.items() if key[0] in rows.index):
        row = rows.loc[run]
        axes.plot([place, place], [row["low"], row["high"]], color=look.colour, lw=1)
        axes.plot([place], [row["mean"]], color=look.colour, marker=look.marker, ms=3.5, mew=0)
    axes.axhline(PAPER_BASELINE, color="0.35", lw=0.7, ls=(0, (1, 1.5)), zorder=1)
    axes.text(
        0.5, PAPER_BASELINE * 1.04, f"the paper's {style.number(PAPER_BASELINE)}", transform=axes.get_yaxis_transform(),
        ha="center", va="bottom", fontsize=5.4,
    )  # fmt: skip
    levels = np.append(rows[["low", "high"]].to_numpy(), PAPER_BASELINE)
    lowest, highest = np.nanmin(levels), np.nanmax(levels)
    axes.set(yscale="log", ylim=(10 ** math.floor(math.log10(lowest)), 10 ** math.ceil(math.log10(highest))))
    axes.set(xticks=[], xlabel="runs", xlim=(-0.8, len(rows) - 0.2))
    axes.set_title("Random matrices", loc="left", pad=4)
    axes.tick_params(which="both", direction="in")
