"""How trainings on different objectives are named and told apart (paper B, eq. 7)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dropscape.figures import curves, style
from dropscape.figures.content import rows_where
from dropscape.figures.runs import OBJECTIVE_RUN
from dropscape.figures.style import PALETTE, Look

SYMBOLS = {
    "dropout": r"$R_S^\mathrm{drop}$",
    "risk": "$R_S$",
    "risk_plus_r1": "$L_1$",
    "risk_plus_r2": "$L_2$",
    "dropout_minus_r2": "$L_3$",
    "dropout_minus_r1": "$L_4$",
    "dropout_plus_r2": r"$R_S^\mathrm{regu}$",
}
OPTIMIZERS = {"gd": "gradient descent", "nesterov": "Nesterov momentum", "adam": "Adam"}
LOOKS = {  # in the order in which figures show them
    "risk": Look("$R_S$ (no dropout)", PALETTE[0], "s"),
    "dropout": Look(r"$R_S^\mathrm{drop}$ (dropout)", PALETTE[1], "o"),
    "risk_plus_r1": Look("$L_1 = R_S + R_1$", PALETTE[2], "D"),
    "risk_plus_r2": Look(r"$L_2 = R_S + \tilde{R}_2$", PALETTE[4], "v"),
    "dropout_minus_r2": Look(r"$L_3 = R_S^\mathrm{drop} - \tilde{R}_2$", PALETTE[3], "P"),
    "dropout_minus_r1": Look(r"$L_4 = R_S^\mathrm{drop} - R_1$", PALETTE[7], "^"),
    "dropout_plus_r2": Look(r"$R_S^\mathrm{drop} + \frac{\lambda}{4}|\nabla R_S^\mathrm{drop}|^2$", PALETTE[9], "X"),
}
_APART = 0.008  # keep probability between the points of two objectives, which often coincide
# Of a second run on the same objective, a third and so on.
_SPARE = [5, 6, 8, 9, 7, 3, 4]


def run_looks(table: pd.DataFrame, apart: Sequence[str] = ()) -> dict[tuple[str, str], Look]:
    """The look of each experiment and run of a table with the columns ``OBJECTIVE_RUN``, little dropout before much.

    A run is named by its objective, the keep probability if it has one, and the settings in which runs differ. Runs of
    one name look the same; an objective's first run has its colour. ``apart`` are columns whose values have separate
    panels: only differences within them are named.
    """
    runs = table[OBJECTIVE_RUN].astype({"initial_scale": object}).fillna({"initial_scale": ""})
    runs = runs.drop_duplicates(["experiment", "run"]).assign(rank=runs["objective"].map(list(LOOKS).index))
    settings = [column for column in OBJECTIVE_RUN if column not in ("experiment", "run", "objective")]
    order = ["rank", *settings, "run"]
    runs = runs.sort_values(order, ascending=[column != "keep_prob" for column in order])
    groups = [rows for _, rows in runs.groupby(list(apart))] if apart else [runs]
    differ = {column for column in OBJECTIVE_RUN if any(len(set(rows[column].dropna())) > 1 for rows in groups)}
    by_name: dict[str, Look] = {}
    looks, spare, taken = {}, iter(_SPARE * len(runs)), set()
    for row in runs.itertuples():
        name = _name(row, differ)
        if name not in by_name:
            look = LOOKS[row.objective]
            colour = PALETTE[next(spare)] if row.objective in taken else look.colour
            by_name[name] = Look(name, colour, look.marker)
            taken.add(row.objective)
        looks[row.experiment, row.run] = by_name[name]
    return looks


def _name(run: tuple, differ: set[str]) -> str:
    """Such as ``L_1 = R_S + R_1, keep 0.9, lr 0.01``."""
    words = {
        LOOKS[run.objective].label: True,
        f"keep {run.keep_prob:g}": run.objective != "risk",
        OPTIMIZERS[run.optimizer]: "optimizer" in differ,
        f"lr {run.learning_rate:g}": "learning_rate" in differ,
        rf"$\lambda$ {run.gradient_penalty_weight:g}": run.objective == "dropout_plus_r2",
        f"initial scale {run.initial_scale or 'default'}": "initial_scale" in differ,
        f"n = {run.train_examples}": "train_examples" in differ,
    }
    return ", ".join(text for text, told in words.items() if told)


def sentences_over_keep_prob(summary: pd.DataFrame) -> list[str]:
    """What a figure of ``over_keep_prob`` says of its points and lines."""
    sentences = [
        "Points: mean over seeds at the end of training; bars and shading: min to max over seeds. torch drops "
        "1 \N{MINUS SIGN} p: small p is much dropout. The objectives' points are drawn a little apart at the same p."
    ]
    if "risk" in set(summary["objective"]):
        sentences.append("Horizontal lines: training on $R_S$ without dropout.")
    return sentences


def over_keep_prob(
    panel: Axes, summary: pd.DataFrame, group: Sequence[str], dashes: Mapping[float, Any], hollow: bool | None = None
) -> None:
    """Each objective's means over the keep probability; the risk, which has none, as a horizontal line.

    The axis has a tick at each keep probability. Markers are ``hollow`` or not; None: those of all rates but the first
    one are, as in ``rate_entries``.
    """
    beside = [objective for objective in group if objective != "risk"]
    for objective in group:
        look = LOOKS[objective]
        for position, (rate, dash) in enumerate(dashes.items()):
            rows = rows_where(summary, objective=objective, learning_rate=rate)
            if objective != "risk":
                offset = _APART * (beside.index(objective) - (len(beside) - 1) / 2)
                shifted = rows.assign(keep_prob=rows["keep_prob"] + offset)
                curves.with_bars(panel, shifted, look, dash, "keep_prob", position > 0 if hollow is None else hollow)
            else:
                for row in rows.itertuples():
                    panel.axhspan(row.low, row.high, color=look.colour, alpha=0.18, lw=0)
                    panel.axhline(row.mean, color=look.colour, ls=dash, lw=1.0)
    keep_probs = sorted(set(summary.loc[summary["objective"].isin(beside), "keep_prob"]))
    if keep_probs:
        panel.set(xticks=keep_probs, xlim=(keep_probs[0] - 0.05, keep_probs[-1] + 0.05), xlabel="keep probability p")


def entries(group: Sequence[str]) -> list[Line2D]:
    """The legend of such curves."""
    looks = {objective: LOOKS[objective] for objective in group}
    markers = {objective: style.marker(look.marker) for objective, look in looks.items() if objective != "risk"}
    return [style.entry(look.label, look.colour, **markers.get(objective, {})) for objective, look in looks.items()]


def rate_entries(dashes: Mapping[float, Any]) -> list[Line2D]:
    """The legend of their learning rates."""
    return [
        style.entry(f"learning rate {rate:g}", dashes=dash, **style.marker("o", hollow=position > 0))
        for position, (rate, dash) in enumerate(dashes.items())
    ]
