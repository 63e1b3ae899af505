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

_APART = ["experiment", "initial_scale", "optimizer"]
_COLOURS = {FIRST: style.PALETTE[0], LAST: style.PALETTE[1]}  # the paper's blue and orange


def draw(points: pd.DataFrame, summary: pd.DataFrame, page: Page) -> None:
    """A row per experiment, optimizer and initialisation: its runs' outputs together, then the neurons of each."""
    summary = summary.astype({"initial_scale": object}).fillna({"initial_scale": ""})
    looks = objectives.run_looks(summary, apart=_APART)
    rows = dict(list(summary.groupby(_APART, sort=False)))
    runs = [[key for key in looks if key[0] == row[0] and key[1] in set(rows[row]["run"])] for row in rows]
    row_titles = _row_titles(rows, page.description["experiments"])
    titles = [[title, *[""] * len(keys)] for title, keys in zip(row_titles, runs, strict=True)]
    sentences = [
        "Left: outputs at the end of training, of the first seed (thick) and the others (thin), and the training data.",
        "Right: each neuron of the first layer, first seed; the orientation is the angle of its input weight and bias "
        "(w, b) to the w axis, the amplitude |a| |(w, b)| is relative to the max of that network; crosses are neurons "
        "whose contribution to the output on the data has died. Numbers, means over seeds: share of the contributions "
        "in the four best windows of orientation at the first and at the last step; by how many degrees neurons have "
        "turned on average, weighted by their contribution; how far all parameters have moved, relative to their norm.",
    ]
    title, legend_rows = "functions and orientation of neurons", 1 + len(set(looks.values()))
    axes = page.grid(title, titles, sentences, 1.5, legend_rows, sharing=0)
    condensed = {(run["experiment"], run["run"]): run for run in page.description["condensed"]}
    for panels, table, keys in zip(axes, rows.values(), runs, strict=True):
        _outputs(panels[0], table, {run: looks[name, run] for name, run in keys})
        for panel, key in zip(panels[1:], keys, strict=True):
            neurons = rows_where(points, experiment=key[0], run=key[1], drawn=True)
            _neurons(panel, neurons[neurons["reason"].isna()], condensed.get(key, {}))
            panel.set_title(looks[key].label, fontsize=6.2, color=looks[key].colour)
        panels[1].set_ylabel("amplitude / max")
    data = style.entry("training data", "k", "", marker="o", ms=2.5)
    legend_below(axes[-1][0], [*style.entries(dict.fromkeys(looks.values())), data])
    moments = [style.entry(f"{moment} step", colour, "", marker="o", ms=3) for moment, colour in _COLOURS.items()]
    legend_below(axes[-1][1], moments)


def _row_titles(rows: Sequence[tuple[str, str, str]], experiments: Sequence[Mapping[str, Any]]) -> list[str]:
    """Network and dataset of each row, with the initialisation or the optimizer where it tells rows apart."""
    networks = names.network_titles(experiments)
    titles = [networks[name] for name, _, _ in rows]
    scales = [f"initial scale {scale or 'default'}" for _, scale, _ in rows]
    optimizers = [objectives.OPTIMIZERS[optimizer] for _, _, optimizer in rows]
    for details in (scales, optimizers):
        if len(set(titles)) == 1 < len(set(details)) == len(rows):
            return details  # the footer has the network
    both = [", ".join(pair) for pair in zip(scales, optimizers, strict=True)]
    return names.distinct(titles, scales, optimizers, both, [names.in_words(name) for name, _, _ in rows])


def _outputs(panel: Axes, table: pd.DataFrame, looks: Mapping[str, style.Look]) -> None:
    for run, look in looks.items():
        outputs = rows_where(table, run=run, quantity=OUTPUT)
        for index, (_, curve) in enumerate(outputs.groupby("seed", sort=False)):
            width = {"lw": 1.0, "zorder": 3} if index == 0 else {"lw": 0.4, "alpha": 0.5}
            panel.plot(curve["x"], curve["value"], color=look.colour, **width)
    data = rows_where(table, quantity=DATA).drop_duplicates(["x", "value"])
    panel.plot(data["x"], data["value"], ls="", marker="o", ms=2.5, color="k", zorder=4)
    panel.set(xlabel="x", ylabel="output")


def _neurons(panel: Axes, neurons: pd.DataFrame, condensed: Mapping[str, float | None]) -> None:
    for moment, colour in _COLOURS.items():
        for is_dead, marker in ((False, {"s": 3, "lw": 0}), (True, {"s": 4, "lw": 0.4, "marker": "x"})):
            rows = rows_where(neurons, moment=moment, dead=is_dead)
            panel.scatter(rows["orientation"], rows["share"], color=colour, alpha=0.5, rasterized=True, **marker)
    panel.set(xlim=(-math.pi, math.pi), ylim=(0, 1.05), xlabel="orientation [rad]")
    panel.set_xticks([-math.pi, 0, math.pi], ["\N{MINUS SIGN}π", "0", "π"])
    if None not in (numbers := [condensed.get(key) for key in (FIRST, LAST, "rotation", "movement")]):
        first, last, rotation, movement = numbers
        panel.text(
            0.97, 0.96, f"{first:.0%} → {last:.0%}\nturned {rotation:.0f}°\nmoved {movement:.2g}",
            transform=panel.transAxes, ha="right", va="top", fontsize=5.7,
            bbox={"fc": "w", "ec": "none", "alpha": 0.8, "pad": 1},
        )  # fmt: skip
