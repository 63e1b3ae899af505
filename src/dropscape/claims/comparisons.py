"""What the statistics share that compare an experiment's trainings with each other (paper B).

Each of them takes the tables, the experiment's name, the claim's name (for its bootstrap draws) and the arguments that
``config/claims.yaml`` gives, and is measured once. Seeds belong together: in all runs of an experiment a seed starts
from the same draws. Bounds are 95 % percentile bootstrap bounds over the seeds; with one seed there are none.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dropscape.claims.statistics import REPLICATES, Measured
from dropscape.claims.tables import NotMeasured, Run, Tables
from dropscape.numerics.intervals import bootstrap_interval

REDUCED = {"smallest": np.min, "mean": np.mean, "largest": np.max}


def over_seeds(
    statistic: Callable[[NDArray], float], rows: NDArray, claim: str, experiment: str, note: str
) -> Measured:
    """The statistic of all seeds with bounds from drawing seeds anew.

    Args:
        statistic: of rows (S, ...), one a seed.
        rows: one a seed.
        claim, experiment: decide the draws.
        note: for the reader.
    """
    points = int(np.prod(rows.shape[:2]))
    if len(rows) == 1:
        return Measured(statistic(rows), math.nan, math.nan, points, f"{note}; one seed, no interval")
    interval = bootstrap_interval(statistic, [rows], seed=0, purpose=f"{claim}/{experiment}", replicates=REPLICATES)
    return Measured(interval.value, interval.low, interval.high, points, note)


def objective_of(run: Run) -> str:
    """What the run descends; dropout that keeps everything is the risk."""
    plain = run.settings["objective"] == "dropout" and run.settings["keep_prob"] == 1
    return "risk" if plain else run.settings["objective"]


def named_run(tables: Tables, experiment: str, name: str) -> Run:
    """The run of that name.

    Raises:
        NotMeasured: the experiment has none at this scale.
    """
    for run in tables.runs_of(experiment):
        if run.name == name:
            return run
    raise NotMeasured(f"{experiment} has no run '{name}' at this scale")


def at_last_step(tables: Tables, run: Run, column: str) -> NDArray:
    """A column of the history at the last step, by seed."""
    history = tables.of_run("history", run)
    return history[history["step"] == history["step"].max()].sort_values("seed")[column].to_numpy(dtype=float)
