"""Test accuracy with and without dropout (paper B, Table I; paper A, Fig. 1)."""

import math

import pandas as pd

from dropscape.figures import runs
from dropscape.figures.content import FigureContent, Settings, TableFiles


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Accuracies at the end of training.

    points: experiment, run, keep_prob, seed, step, train_accuracy, test_accuracy, bleu (of transformers), reason.
    summary: mean, min and max of the test accuracy over seeds, and the mean bleu.
    """
    frames = []
    for end_point, last in runs.end_points(figure, tables):
        last = last.reset_index().assign(bleu=math.nan)
        if tables.has_run_table(end_point["experiment"], end_point["run"], "translations"):
            translations = tables.run_table(end_point["experiment"], end_point["run"], "translations")
            last["bleu"] = last["seed"].map(translations.groupby("seed")["bleu"].first())
        frames.append(last.assign(**end_point))
    points = pd.concat(frames, ignore_index=True)
    points["reason"] = points["test_accuracy"].isna().map({True: "no test accuracy", False: ""})
    by_run = points.groupby(runs.END_POINT, sort=False)
    summary = by_run["test_accuracy"].agg(mean="mean", low="min", high="max").assign(bleu=by_run["bleu"].mean())
    columns = [*runs.END_POINT, "seed", "step", "train_accuracy", "test_accuracy", "bleu", "reason"]
    return FigureContent.counted(points[columns], summary.reset_index(), "accuracies")
