"""The sharpest curvature along training, against the edge of stability (beyond paper A)."""

import pandas as pd

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles

RISK, DROPOUT = "largest eigenvalue for R_S", "largest eigenvalue for R_S^drop"
_RUN = ["experiment", "run", "keep_prob", "learning_rate"]


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The largest eigenvalues of the Hessians of R_S and, in runs with dropout, of R_S^drop; of main runs alone.

    points: experiment, run, keep_prob, learning_rate, seed, step, quantity, value, reason (a logarithmic axis shows no
    value that is not positive). summary: geometric mean and range over seeds.
    """
    frames = []
    for experiment in figure["experiments"]:
        table = tables.experiment_table(experiment["name"], "sharpness").assign(experiment=experiment["name"])
        for run, settings in experiment["runs"].items():
            own = {key: settings[key] for key in ("keep_prob", "learning_rate")}
            rows = table[table["run"] == run].assign(**own)
            names = {"eigenvalue": RISK} | ({"dropout_eigenvalue": DROPOUT} if own["keep_prob"] < 1 else {})
            if not runs.variant(settings, experiment["dropout"]):  # of the main runs alone
                frames.append(quantities.long_form(rows, names, [*_RUN, "seed", "step"]))
    points = quantities.require_positive(pd.concat(frames, ignore_index=True), "eigenvalue not positive")
    summary = quantities.over_seeds(points, [*_RUN, "quantity", "step"], geometric=True)
    return FigureContent.counted(points, summary, "eigenvalues")
