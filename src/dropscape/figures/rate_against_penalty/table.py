"""The learning rate of dropout against the weight of R_2 that should replace it (paper B, section V.B and Fig. 3)."""

import pandas as pd

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles

ACCURACY, RATIO = "test accuracy", "loss over squared gradient"
# What the horizontal axis shows of each of the two objectives.
VARIED = {"dropout": "learning_rate", "dropout_plus_r2": "gradient_penalty_weight"}


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Test accuracy at the end of training and E R_S^drop / E |grad R_S^drop|^2 there; other objectives are left out.

    points: the run's settings, seed, varied (the learning rate for ``dropout``, the weight of the penalty for
    ``dropout_plus_r2``), quantity, value, reason. summary: mean and range over seeds, and ``best``, whether the
    objective's mean accuracy has its max there. facts: masks, the mask mode of each experiment.
    """
    history = runs.last_rows(runs.objective_run_tables(figure, tables, "history"))
    accuracies = quantities.long_form(history, {"test_accuracy": ACCURACY}, [*runs.OBJECTIVE_RUN, "seed"])
    ratios = runs.objective_run_tables(figure, tables, "ratios")
    ratios = quantities.long_form(ratios, {"ratio": RATIO}, [*runs.OBJECTIVE_RUN, "seed"])
    points = pd.concat([accuracies, ratios], ignore_index=True)
    points = points[points["objective"].isin(list(VARIED))].reset_index(drop=True)
    rate, weight = points["learning_rate"], points["gradient_penalty_weight"]
    points.insert(len(runs.OBJECTIVE_RUN), "varied", rate.where(points["objective"] == "dropout", weight))
    summary = quantities.over_seeds(points, [*runs.OBJECTIVE_RUN, "varied", "quantity"])
    highest = summary.groupby(["experiment", "objective", "quantity"])["mean"].transform("max")
    summary["best"] = (summary["quantity"] == ACCURACY) & (summary["mean"] == highest)
    summary = summary.sort_values(["objective", "quantity", "varied"])
    masks = {experiment["name"]: experiment["mask_mode"] for experiment in figure["experiments"]}
    return FigureContent.counted(points, summary, "values", masks=masks)
