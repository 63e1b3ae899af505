"""How trainings on different objectives are named and told apart (paper B, eq. 7)."""

from collections.abc import Sequence

import pandas as pd

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
