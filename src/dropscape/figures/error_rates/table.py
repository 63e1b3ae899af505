"""Mean errors of the iterates of Algorithm 1 by their number (paper D, Theorems 4.1 and 4.2)."""

import pandas as pd

from dropscape.figures import quantities, subnetworks
from dropscape.figures.content import FigureContent, Settings, TableFiles
from dropscape.subnetworks.slopes import error_slopes

TRAINING = ["experiment", "width", "keep_prob"]
FULL, VISITED = "full network", "visited sub-networks"
COLUMNS = {"mean_error_full": FULL, "mean_error_visited": VISITED}
ERROR, SLOPE = "mean error", "slope"


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The misclassification error, mean over the iterates up to T, of q W_t and of g(W_t; ., B_t).

    points: experiment, width, keep_prob, seed, step (T), network (``full network`` or ``visited sub-networks``),
    quantity (``mean error``, or ``slope``: of log error over log T in the last decade of T, without a step), value,
    reason. summary: geometric mean and range of the error over seeds; mean and range of the slope. facts: ``bounds``,
    the smallest bounds of Theorems 4.1 and 4.2 at the last iterate, and the steps from which on the first is below 1;
    ``loss_over_bound``, the most of the mean loss of all steps over that of Lemma 5.1.
    """
    curves, slopes, over_bound = [], [], []
    for experiment in figure["experiments"]:
        errors = tables.experiment_table(experiment["name"], "errors").assign(experiment=experiment["name"])
        curves.append(quantities.long_form(errors, COLUMNS, [*TRAINING, "seed", "step"]))
        at_end = errors[errors["step"] == errors["step"].max()]
        over_bound.append(float((at_end["mean_loss"] / at_end["loss_bound"]).max()))
        for column, network in COLUMNS.items():
            fitted = error_slopes(errors, column).assign(experiment=experiment["name"])
            slopes.append(quantities.long_form(fitted, {"slope": network}, [*TRAINING, "seed"]))
    curve, slope = (
        pd.concat(frames, ignore_index=True).rename(columns={"quantity": "network"}).assign(quantity=name)
        for frames, name in ((curves, ERROR), (slopes, SLOPE))
    )
    names = ("mean errors", "error not positive", "fewer than three positive errors")
    margins = pd.concat([tables.experiment_table(one["name"], "margins") for one in figure["experiments"]])
    bounds = margins[["error_bound", "compression_bound", "informative_steps"]].min().to_dict()
    facts = {"bounds": bounds, "loss_over_bound": max(over_bound)}
    return subnetworks.with_slopes(curve, slope, [*TRAINING, "network", "quantity", "step"], names, **facts)
