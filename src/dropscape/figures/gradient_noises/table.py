"""Flatness, loss and accuracy of trainings with dropout and with other noise in its place (beyond paper A)."""

from typing import Any

import numpy as np
import pandas as pd

from dropscape.figures import quantities
from dropscape.figures.content import FigureContent, Settings, TableFiles, rows_where

LOSS, EIGENVALUE, TRACE = "training loss", "largest eigenvalue", "trace of the Hessian"
WIDTH, ACCURACY = "half width of slices", "test accuracy"
ALONG = (EIGENVALUE, TRACE, LOSS)
AT_END = (WIDTH, LOSS, ACCURACY)
_RUN = ["run", "noise", "mask_mode", "keep_prob"]


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The loss R_S, the Hessian's largest eigenvalue and its trace along training; widths and accuracies at its end.

    points: run, noise ("" without), mask_mode, keep_prob, seed, step, quantity, value, reason (a logarithmic axis shows
    no value that is not positive); a width is the geometric mean over the directions that have one. summary: geometric
    mean (of an accuracy arithmetic) and range over seeds. Facts: rise, of the loss at a slice's end.
    """
    (experiment,) = figure["experiments"]
    frames, rises = [], []
    for run, settings in experiment["runs"].items():
        own = {"run": run, "noise": settings["noise"] or "", "mask_mode": settings["mask_mode"]}
        own["keep_prob"] = settings["keep_prob"]
        sharpness = rows_where(tables.experiment_table(experiment["name"], "sharpness"), run=run)
        history = tables.run_table(experiment["name"], run, "history")
        widths = rows_where(tables.run_table(experiment["name"], run, "slice_widths"), judged=True)
        rises.append(float(widths["rise"].iloc[0]))
        ends = history[history["step"] == history["step"].max()]
        half = widths.groupby("seed")["half_width"].agg(_geometric_mean).rename("value").reset_index()
        frames += [
            _long(own, sharpness, {"eigenvalue": EIGENVALUE, "trace": TRACE}),
            _long(own, history, {"loss": LOSS}),
            _long(own, ends, {"test_accuracy": ACCURACY}),
            _long(own, half.assign(step=ends["step"].iloc[0]), {"value": WIDTH}),
        ]
    points = quantities.require_positive(pd.concat(frames, ignore_index=True), "not positive")
    exact = points["quantity"] == ACCURACY
    keys = [*_RUN, "quantity", "step"]
    summary = pd.concat(
        [quantities.over_seeds(points[~exact], keys, geometric=True), quantities.over_seeds(points[exact], keys)],
        ignore_index=True,
    )
    return FigureContent.counted(points, summary, "values", rise=rises[0])


def _geometric_mean(widths: pd.Series) -> float:
    """Over those that are defined."""
    return float(np.exp(np.log(widths.dropna()).mean()))


def _long(own: dict[str, Any], frame: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    return quantities.long_form(frame.assign(**own), names, [*_RUN, "seed", "step"])
