"""Draws functions of one input and the orientation of their networks' neurons (paper B, Fig. 1a, 4, 5, 6, 9b)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropscape.figures import style
from dropscape.figures.draw.objectives import run_looks
from dropscape.figures.tables.condensation_features import DATA, FIRST, LAST, OUTPUT

_COLOURS = {FIRST: style.PALETTE[0], LAST: style.PALETTE[1]}  # the paper's blue and orange


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """A row per experiment and initialisation: outputs of its runs together, neurons of each; arguments as tabled."""
    summary = summary.astype({"initial_scale": object}).fillna({"initial_scale": ""})
    looks = run_looks(summary, apart=("experiment", "initial_scale"))
    rows = _rows(summary, looks)
    distinct = list(dict.fromkeys(looks.values()))
    figure, axes = style.grid(
        f"{description['place']}: functions and orientation of neurons",
        1 + max(len(runs) for _, runs in rows),
        len(rows),
        1.5,
        style.legend_room(1 + len(distinct)),
        style.footer(
            description,
            "Left: outputs at the end of training, first seed (thick) and the others (thin), and the training data.",
            "Right: every neuron of the first layer, first seed: angle of its input weight and bias (w, b) to the w "
            "axis, and amplitude |a| |(w, b)| over the greatest of that network.",
            "Percentages: share of the amplitude in the four best windows of orientation at the first and at the last "
            "step, mean over seeds.",
        ),
    )
    for panels, (title, runs) in zip(axes, rows, strict=True):
        of_row = [summary[(summary["experiment"] == name) & (summary["run"] == run)] for name, run in runs]
        _outputs(panels[0], of_row, [looks[key] for key in runs])
        panels[0].set_title(title, loc="left", pad=4)
        for panel, (name, run) in zip(panels[1:], runs, strict=False):
            of_run = points[(points["experiment"] == name) & (points["run"] == run)]
            _neurons(panel, of_run[of_run["drawn"] & of_run["reason"].isna()])
            panel.set_title(looks[name, run].label, loc="left", pad=4, fontsize=6.2, color=looks[name, run].colour)
            _leading_share(panel, description["leading_shares"], name, run)
        panels[1].set_ylabel("amplitude / greatest")
        for panel in panels[1 + len(runs) :]:
            panel.remove()
    outputs = [Line2D([], [], color=look.colour, label=look.label) for look in distinct]
    data = Line2D([], [], ls="", marker="o", ms=2.5, color="k", label="training data")
    style.legend_below(axes[-1][0], [[*outputs, data]])
    moments = [
        Line2D([], [], ls="", marker="o", ms=3, color=_COLOURS[moment], label=f"{moment} step") for moment in _COLOURS
    ]
    style.legend_below(axes[-1][1], [moments])
    return figure


def _rows(summary: pd.DataFrame, looks: Mapping[tuple[str, str], Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The title of each row and its runs, without dropout first."""
    runs = summary[["experiment", "run", "initial_scale"]].drop_duplicates()
    rows = []
    for experiment, own in runs.groupby("experiment", sort=False):
        name = experiment.replace("_", " ")
        scales = list(dict.fromkeys(own["initial_scale"]))
        for scale in scales:
            row = own[own["initial_scale"] == scale]
            keys = list(zip(row["experiment"], row["run"], strict=True))
            title = f"{name}, scale {scale or 'default'}" if len(scales) > 1 else name
            rows.append((title, sorted(keys, key=list(looks).index)))
    return rows


def _outputs(panel: Axes, runs: Sequence[pd.DataFrame], looks: Sequence[style.Look]) -> None:
    for rows, look in zip(runs, looks, strict=True):
        for place, (_, curve) in enumerate(rows[rows["quantity"] == OUTPUT].groupby("seed", sort=False)):
            width = {"lw": 1.0, "zorder": 3} if place == 0 else {"lw": 0.4, "alpha": 0.5}
            panel.plot(curve["x"], curve["value"], color=look.colour, **width)
    data = pd.concat(runs)
    data = data[data["quantity"] == DATA].drop_duplicates(["x", "value"])
    panel.plot(data["x"], data["value"], ls="", marker="o", ms=2.5, color="k", zorder=4)
    panel.set(xlabel="x", ylabel="output")
    panel.tick_params(which="both", direction="in")


def _neurons(panel: Axes, rows: pd.DataFrame) -> None:
    for moment, colour in _COLOURS.items():
        own = rows[rows["moment"] == moment]
        panel.scatter(own["orientation"], own["share"], s=3, color=colour, alpha=0.5, lw=0, rasterized=True)
    panel.set(xlim=(-math.pi, math.pi), ylim=(0, 1.05), xlabel="orientation [rad]")
    panel.set_xticks([-math.pi, 0, math.pi], ["\N{MINUS SIGN}π", "0", "π"])
    panel.tick_params(which="both", direction="in")


def _leading_share(panel: Axes, shares: Sequence[Mapping[str, Any]], experiment: str, run: str) -> None:
    for share in shares:
        if (share["experiment"], share["run"]) == (experiment, run) and None not in (share[FIRST], share[LAST]):
            panel.text(
                0.97, 0.96, f"{100 * share[FIRST]:.0f} % → {100 * share[LAST]:.0f} %", transform=panel.transAxes,
                ha="right", va="top", fontsize=5.7, bbox={"fc": "w", "ec": "none", "alpha": 0.8, "pad": 1},
            )  # fmt: skip
