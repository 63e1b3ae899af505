"""The loss between the end points of trainings on two objectives (paper B, section VII.C and Fig. 14)."""

import pandas as pd

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles

PAIR = ["experiment", "first_objective", "second_objective", "first", "second", "keep_prob", "learning_rate"]


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """R_S without dropout on the line between the end points of every pair's trainings of one seed.

    points: experiment, the objectives and runs of the pair, keep_prob (the smaller one, since the risk has none) and
    learning_rate (of the first run), distance (of the end points, relative to their norm), seed, alpha, quantity,
    value, reason. summary: mean and range over seeds.
    """
    (settings,) = figure["experiments"]
    between = tables.experiment_table(settings["name"], "interpolations")
    pairs = []
    for first, second in between[["first", "second"]].drop_duplicates().itertuples(index=False):
        one, other = runs.objective_run(settings, first), runs.objective_run(settings, second)
        ends = (one["objective"], other["objective"], first, second)
        pairs.append((settings["name"], *ends, min(one["keep_prob"], other["keep_prob"]), one["learning_rate"]))
    own = between[between["seed"] == between["second_seed"]]
    joined = pd.DataFrame(pairs, columns=PAIR).merge(own, on=["first", "second"])
    points = quantities.long_form(joined, {"loss": "loss"}, [*PAIR, "distance", "seed", "alpha"])
    return FigureContent.counted(points, quantities.over_seeds(points, [*PAIR, "alpha"]), "losses")
