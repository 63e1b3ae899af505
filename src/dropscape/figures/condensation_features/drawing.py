"""Draws functions of one input and the orientation of their networks' neurons (paper B, Fig. 1a, 4, 5, 6, 9b)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from dropscape.figures import names, objectives, style
from dropscape.figures.condensation_features.table import DATA, FIRST, LAST, OUTPUT
from dropscape.figures.content import rows_where
from dropscape.figures.page import Page, legend_below

_COLOURS = {FIRST: style.PALETTE[0], LAST: style.PALETTE[1]}  # the paper's blue and orange


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A row per experiment and initialisation: the outputs of its runs together, then the neurons of each."""
    summary = summary.astype({"initial_scale": object}).fillna({"initial_scale": ""})
    looks = objectives.run_looks(summary, apart=("experiment", "initial_scale"))
    rows = dict(list(summary.groupby(["experiment", "initial_scale"], sort=False)))
    runs = [[key for key in looks if key[0] == name and key[1] in set(rows[name, at]["run"])] for name, at in rows]
    row_titles = _row_titles(rows, page.description["experiments"])
    titles = [[title, *[""] * len(keys)] for title, keys in zip(row_titles, runs, strict=True)]
    sentences = [
        "Left: outputs at the end of training, of the first seed (thick) and the others (thin), and the training data.",
        "Right: each neuron of the first layer, first seed; the orientation is the angle of its input weight and bias "
        "(w, b) to the w axis, the amplitude |a| |(w, b)| is relative to the max of that network. Percentages: share "
        "of the amplitude in the four best windows of orientation at the first and at the last step, mean over seeds.",
    ]
    title, legend_rows = "functions and orientation of neurons", 1 + len(set(looks.values()))
    axes = page.grid(title, titles, sentences, 1.5, legend_rows, sharing=0)
    shares = {(share["experiment"], share["run"]): share for share in page.description["leading_shares"]}
    for panels, table, keys in zip(axes, rows.values(), runs, strict=True):
        _outputs(panels[0], table, {run: looks[name, run] for name, run in keys})
        for panel, key in zip(panels[1:], keys, strict=True):
            neurons = rows_where(points, experiment=key[0], run=key[1], drawn=True)
            _neurons(panel, neurons[neurons["reason"].isna()], shares.get(key, {}))
            panel.set_title(looks[key].label, fontsize=6.2, color=looks[key].colour)
        panels[1].set_ylabel("amplitude / max")
    data = style.entry("training data", "k", "", marker="o", ms=2.5)
    legend_below(axes[-1][0], [*style.entries(dict.fromkeys(looks.values())), data])
    moments = [style.entry(f"{moment} step", colour, "", marker="o", ms=3) for moment, colour in _COLOURS.items()]
    legend_below(axes[-1][1], moments)


def _row_titles(rows: Sequence[tuple[str, str]], experiments: Sequence[Mapping[str, Any]]) -> list[str]:
    """Network and dataset of each row, with the initialisation where it tells rows apart."""
    networks = names.network_titles(experiments)
    titles = [networks[name] for name, _ in rows]
    scales = [f"initial scale {scale or 'default'}" for _, scale in rows]
    if len(set(titles)) == 1 < len(set(scales)) == len(rows):
        return scales  # the footer has the network
    return names.distinct(titles, scales, [names.in_words(name) for name, _ in rows])


def _outputs(panel: Axes, table: pd.DataFrame, looks: Mapping[str, style.Look]) -> None:
    for run, look in looks.items():
        outputs = rows_where(table, run=run, quantity=OUTPUT)
        for index, (_, curve) in enumerate(outputs.groupby("seed", sort=False)):
            width = {"lw": 1.0, "zorder": 3} if index == 0 else {"lw": 0.4, "alpha": 0.5}
            panel.plot(curve["x"], curve["value"], color=look.colour, **width)
    data = rows_where(table, quantity=DATA).drop_duplicates(["x", "value"])
    panel.plot(data["x"], data["value"], ls="", marker="o", ms=2.5, color="k", zorder=4)
    panel.set(xlabel="x", ylabel="output")


def _neurons(panel: Axes, neurons: pd.DataFrame, share: Mapping[str, float | None]) -> None:
    for moment, colour in _COLOURS.items():
        rows = rows_where(neurons, moment=moment)
        panel.scatter(rows["orientation"], rows["share"], s=3, color=colour, alpha=0.5, lw=0, rasterized=True)
    panel.set(xlim=(-math.pi, math.pi), ylim=(0, 1.05), xlabel="orientation [rad]")
    panel.set_xticks([-math.pi, 0, math.pi], ["\N{MINUS SIGN}π", "0", "π"])
    if share.get(FIRST) is not None and share.get(LAST) is not None:
        panel.text(
            0.97, 0.96, f"{100 * share[FIRST]:.0f} % → {100 * share[LAST]:.0f} %", transform=panel.transAxes,
            ha="right", va="top", fontsize=5.7, bbox={"fc": "w", "ec": "none", "alpha": 0.8, "pad": 1},
        )  # fmt: skip
