"""How far neurons turned, and what share few orientations hold, at the end of each training (beyond paper B)."""

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles

ROTATION, SHARE = "rotation", "share of four orientations"


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Rotation in degrees, and shares of the first layer, at the last step of runs that start anew.

    points: the run's settings, width, seed, quantity, value, reason. summary: mean and range over seeds.
    """
    last = runs.last_rows(runs.objective_run_tables(figure, tables, "condensation"))
    last = last[last["layer"] == last.groupby(["experiment", "run"])["layer"].transform("first")]
    starts = {(one["name"], run): of["start"] for one in figure["experiments"] for run, of in one["runs"].items()}
    last = last[[starts[key] is None for key in zip(last["experiment"], last["run"], strict=True)]]
    width = last["experiment"].map({one["name"]: one["width"] for one in figure["experiments"]})
    last = last.assign(width=width)
    keys = [*runs.OBJECTIVE_RUN, "width"]
    names = {"rotation": ROTATION, "leading_share": SHARE}
    points = quantities.long_form(last, names, [*keys, "seed"])
    return FigureContent.counted(points, quantities.over_seeds(points, [*keys, "quantity"]), "values")
