"""What trainings on different objectives reach at each keep probability (paper B, Fig. 2 and Fig. 13)."""

from dropscape.figures import quantities, runs
from dropscape.figures.content import FigureContent, Settings, TableFiles

ACCURACY, RISK, R1 = "test accuracy", "R_S", "R_1"


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Test accuracy, R_S and R_1 at the end of each training; runs on an objective of no group are left out.

    points: the run's settings, seed, step, quantity, value, reason. summary: mean and range over seeds.
    """
    last = runs.last_rows(runs.objective_run_tables(figure, tables, "history"))
    groups = figure["objectives"] or [list(dict.fromkeys(last["objective"]))]
    last = last[last["objective"].isin({objective for group in groups for objective in group})]
    names = {"test_accuracy": ACCURACY, "loss": RISK, "r1": R1}
    points = quantities.long_form(last, names, [*runs.OBJECTIVE_RUN, "seed", "step"])
    # R_1 depends on a keep probability, which a training on the risk does not have.
    points = points[(points["quantity"] != R1) | (points["objective"] != "risk")].reset_index(drop=True)
    summary = quantities.over_seeds(points, [*runs.OBJECTIVE_RUN, "quantity"])
    return FigureContent.counted(points, summary, "values", groups=groups)
