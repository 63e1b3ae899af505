"""What trainings on different objectives reach at each keep probability (paper B, Fig. 2 and Fig. 13)."""

from collections.abc import Mapping, Sequence
from typing import Any

from dropscape.figures.tables.content import Content, count_undefined
from dropscape.figures.tables.over_seeds import over_seeds
from dropscape.figures.tables.runs import RUN, last_rows, quantities, with_runs

ACCURACY, RISK, R1 = "test accuracy", "R_S", "R_1"


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Test accuracy, R_S and R_1 at the end of each training.

    Args:
        experiments: one, with ``name``, ``runs`` and ``objectives``, the groups that get a panel each (None: one group
            of all). Runs on an objective of no group are left out.
        inputs: ``history``, one table per run.

    Returns:
        points: the run's settings, seed, step, quantity, value, reason. summary: mean and range over seeds.
    """
    (settings,) = experiments
    last = last_rows(with_runs(experiments, inputs["history"]))
    groups = settings["objectives"] or [list(dict.fromkeys(last["objective"]))]
    last = last[last["objective"].isin({objective for group in groups for objective in group})]
    # Of each training on the risk, R_1 is that of its keep probability, which it does not have.
    names = {"test_accuracy": ACCURACY, "loss": RISK, "r1": R1}
    points = quantities(last, names, [*RUN, "seed", "step"])
    points = points[(points["quantity"] != R1) | (points["objective"] != "risk")].reset_index(drop=True)
    undefined = [count_undefined("values", points["reason"])]
    return Content(points, over_seeds(points, keys=[*RUN, "quantity"]), undefined, {"groups": groups})
