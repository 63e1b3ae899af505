"""Slices of the loss through end points of training with and without dropout (paper A, section 5 and Fig. 1)."""

import pandas as pd

from dropscape.figures import runs
from dropscape.figures.content import FigureContent, Settings, TableFiles, rows_where


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The loss at every alpha of every direction, and its median and quartiles over directions and seeds.

    points: ``END_POINT``, seed, direction, alpha, loss, reason. summary: ``END_POINT``, alpha, low, median, high
    (quartiles); of the run, repeated, its mean test accuracy and training loss at its end, the rise that is judged, and
    medians over directions and seeds of loss0, the loss at alpha 0, and of the half_width.
    Facts: losses and smoothing (labels smoothed or not) by experiment; moved, what the directions move.
    """
    frames, ends, moved = [], [], set()
    for end_point, last in runs.end_points(figure, tables):
        slices = tables.run_table(end_point["experiment"], end_point["run"], "slices")
        frames.append(slices.assign(**end_point))
        ends.append(end_point | {"test_accuracy": last["test_accuracy"].mean(), "train_loss": last["loss"].mean()})
        widths = rows_where(tables.run_table(end_point["experiment"], end_point["run"], "slice_widths"), judged=True)
        ends[-1] |= {"rise": widths["rise"].iloc[0], **widths[["loss0", "half_width"]].median()}
        moved.add(widths["moved"].iloc[0])
    points = pd.concat(frames, ignore_index=True)
    points["reason"] = points["loss"].isna().map({True: "the loss is not finite", False: ""})
    losses = points.groupby([*runs.END_POINT, "alpha"], sort=False)["loss"]
    quartiles = {"low": 0.25, "median": 0.5, "high": 0.75}
    summary = pd.DataFrame({name: losses.quantile(share) for name, share in quartiles.items()}).reset_index()
    points = points[[*runs.END_POINT, "seed", "direction", "alpha", "loss", "reason"]]
    summary = summary.merge(pd.DataFrame(ends), on=runs.END_POINT)
    directions, kinds = int(points["direction"].nunique()), [one["loss"] for one in figure["experiments"]]
    smoothing = [bool(one["label_smoothing"]) for one in figure["experiments"]]
    facts = {"directions": directions, "losses": kinds, "smoothing": smoothing, "moved": sorted(moved)}
    return FigureContent.counted(points, summary, "losses", **facts)
