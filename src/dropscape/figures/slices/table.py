"""Slices of the loss through end points of training with and without dropout (paper A, section 5 and Fig. 1)."""

import pandas as pd

from dropscape.figures import runs
from dropscape.figures.content import FigureContent, Settings, TableFiles


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The loss at every alpha of every direction, and its median and quartiles over directions and seeds.

    points: experiment, run, keep_prob, seed, direction, alpha, loss, reason. summary: experiment, run, keep_prob,
    alpha, low, median, high (quartiles), and the run's mean test accuracy and training loss at its end.
    """
    frames, ends = [], []
    for end_point, last in runs.end_points(figure, tables):
        slices = tables.run_table(end_point["experiment"], end_point["run"], "slices")
        frames.append(slices.assign(**end_point))
        ends.append(end_point | {"test_accuracy": last["test_accuracy"].mean(), "train_loss": last["loss"].mean()})
    points = pd.concat(frames, ignore_index=True)
    points["reason"] = points["loss"].isna().map({True: "the loss is not finite", False: ""})
    losses = points.groupby([*runs.END_POINT, "alpha"], sort=False)["loss"]
    quartiles = {"low": 0.25, "median": 0.5, "high": 0.75}
    summary = pd.DataFrame({name: losses.quantile(share) for name, share in quartiles.items()}).reset_index()
    points = points[[*runs.END_POINT, "seed", "direction", "alpha", "loss", "reason"]]
    summary = summary.merge(pd.DataFrame(ends), on=runs.END_POINT)
    directions = int(points["direction"].nunique())
    kinds, rises = ([one[key] for one in figure["experiments"]] for key in ("loss", "rise"))
    return FigureContent.counted(points, summary, "losses", directions=directions, losses=kinds, rises=rises)
