"""How trainings on different objectives are named and told apart (paper B, eq. 7)."""

from collections.abc import Sequence

import pandas as pd

from dropscape.figures.style import PALETTE, Look
from dropscape.figures.tables.runs import RUN

SYMBOLS = {
    "dropout": r"$R_S^\mathrm{drop}$",
    "risk": "$R_S$",
    "risk_plus_r1": "$L_1$",
    "risk_plus_r2": "$L_2$",
    "dropout_minus_r2": "$L_3$",
    "dropout_minus_r1": "$L_4$",
    "dropout_plus_r2": r"$R_S^\mathrm{regu}$",
}
NAMES = {  # in the order in which figures show them
    "risk": "$R_S$ (no dropout)",
    "dropout": r"$R_S^\mathrm{drop}$ (dropout)",
    "risk_plus_r1": "$L_1 = R_S + R_1$",
    "risk_plus_r2": r"$L_2 = R_S + \tilde{R}_2$",
    "dropout_minus_r2": r"$L_3 = R_S^\mathrm{drop} - \tilde{R}_2$",
    "dropout_minus_r1": r"$L_4 = R_S^\mathrm{drop} - R_1$",
    "dropout_plus_r2": r"$R_S^\mathrm{drop} + \frac{\lambda}{4}|\nabla R_S^\mathrm{drop}|^2$",
}
_HUES = {
    "dropout": 1,
    "risk": 0,
    "risk_plus_r1": 2,
    "risk_plus_r2": 4,
    "dropout_minus_r2": 3,
    "dropout_minus_r1": 7,
    "dropout_plus_r2": 9,
}
_MARKERS = dict(zip(_HUES, "osDvP^X", strict=True))
# Of a second run on the same objective, a third and so on.
_SPARE = [5, 6, 8, 9, 7, 3, 4]


def look_of(objective: str) -> Look:
    """The look of an objective."""
    return Look(NAMES[objective], "", PALETTE[_HUES[objective]], _MARKERS[objective])


def run_looks(table: pd.DataFrame, apart: Sequence[str] = ()) -> dict[tuple[str, str], Look]:
    """The look of each experiment and run of a table with the columns ``RUN``, the least dropout first.

    A run is named by its objective, the keep probability if it has one, and the settings in which runs differ. Runs of
    one name look the same; an objective's first run has its colour.

    Args:
        table: with the runs.
        apart: columns whose values have panels of their own; only differences within them are named.
    """
    runs = table[RUN].astype({"initial_scale": object}).fillna({"initial_scale": ""})
    runs = runs.drop_duplicates(["experiment", "run"]).assign(place=runs["objective"].map(list(NAMES).index))
    order = ["place", "keep_prob", "learning_rate", "penalty", "train_examples", "initial_scale", "run"]
    runs = runs.sort_values(order, ascending=[column != "keep_prob" for column in order])
    groups = [rows for _, rows in runs.groupby(list(apart))] if apart else [runs]
    differ = {column for column in RUN if any(len(set(rows[column].dropna())) > 1 for rows in groups)}
    by_name: dict[str, Look] = {}
    looks, spare, taken = {}, iter(_SPARE * len(runs)), set()
    for row in runs.itertuples():
        name = _name(row, differ)
        if name not in by_name:
            own = look_of(row.objective)
            colour = PALETTE[next(spare)] if row.objective in taken else own.colour
            by_name[name] = Look(name, "", colour, own.marker)
            taken.add(row.objective)
        looks[row.experiment, row.run] = by_name[name]
    return looks


def _name(run: tuple, differ: set[str]) -> str:
    """Such as ``L_1 = R_S + R_1, keep 0.9, lr 0.01``."""
    parts = [NAMES[run.objective]]
    if run.objective != "risk":
        parts.append(f"keep {run.keep_prob:g}")
    if "learning_rate" in differ:
        parts.append(f"lr {run.learning_rate:g}")
    if run.objective == "dropout_plus_r2":
        parts.append(f"$\\lambda$ {run.penalty:g}")
    if "initial_scale" in differ:
        parts.append(f"initial scale {run.initial_scale or 'default'}")
    if "train_examples" in differ:
        parts.append(f"n = {run.train_examples}")
    return ", ".join(parts)
