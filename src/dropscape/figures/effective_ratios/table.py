"""The share of neurons of different orientation along training (paper B, Definition 2 and Fig. 7c)."""

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles

SIGNED, UNSIGNED = "effective ratio", "effective ratio, opposite directions as one"


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Both effective ratios at every recorded step, for the ``threshold`` above which a cosine makes neurons parallel.

    points: the run's settings, layer, seed, step, quantity, value, reason. summary: mean and range over seeds.
    """
    ratios = runs.objective_run_tables(figure, tables, "condensation")
    names = {"effective_ratio": SIGNED, "effective_ratio_unsigned": UNSIGNED}
    points = quantities.long_form(ratios, names, [*runs.OBJECTIVE_RUN, "layer", "seed", "step"])
    summary = quantities.over_seeds(points, [*runs.OBJECTIVE_RUN, "layer", "quantity", "step"])
    threshold = figure["experiments"][0]["threshold"]
    return FigureContent.counted(points, summary, "ratios", threshold=threshold)
