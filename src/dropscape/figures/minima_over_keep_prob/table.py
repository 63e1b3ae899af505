"""Flatness and test error of the minima of trainings on different objectives (paper B, section VII.B and C)."""

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles

TRACE, EIGENVALUE, ERROR = "trace of the Hessian", "largest eigenvalue", "test error"


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Trace and largest eigenvalue of the Hessian of R_S in all parameters, and the test error, at the end of training.

    points: the run's settings, seed, step, quantity, value, reason. summary: mean and range over seeds.
    """
    (experiment,) = figure["experiments"]
    last = runs.last_rows(runs.objective_run_tables(figure, tables, "history"))
    last["test_error"] = 1 - last["test_accuracy"]
    joined = last.merge(tables.experiment_table(experiment["name"], "sharpness"), on=["run", "seed", "step"])
    names = {"trace": TRACE, "eigenvalue": EIGENVALUE, "test_error": ERROR}
    points = quantities.long_form(joined, names, [*runs.OBJECTIVE_RUN, "seed", "step"])
    return FigureContent.counted(points, quantities.over_seeds(points, [*runs.OBJECTIVE_RUN, "quantity"]), "values")
