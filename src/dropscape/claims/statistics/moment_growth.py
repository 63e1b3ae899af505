"""How far the moments of Assumption 1 grow along training (paper C, section 4.2)."""

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.measured import Measured, over_trials, with_interval
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.claims.trajectories import trial_names
from dropscape.equations.settings import Method
from dropscape.numerics.intervals import Interval


class MomentGrowth(ExperimentStatistic):
    """Largest 2l-th root of the 2l-th moment of theta's norm, l = 1 to 3, along training over that at the start."""

    methods: list[Method] = Field(["dropout", "order_1"], description="The methods.", min_length=1)

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it with a jackknife over trials; infinite where one diverges."""
        table = tables.experiment_table(experiment, "trajectories")
        table = table[table["method"].isin(self.methods)]
        norms = {
            key: rows.assign(trial=trial_names(rows)).pivot_table("norm", "trial", "step", dropna=False).to_numpy()
            for key, rows in table.groupby(["learning_rate", "keep_prob", "method"])
        }
        if not norms:
            raise NotMeasuredError(f"{experiment} has no trajectories of {' and '.join(self.methods)}")
        units = min(map(len, norms.values()))
        lost = {key: int(np.isnan(one).any(axis=1).sum()) for key, one in norms.items()}
        if any(lost.values()):
            rate, keep_prob, method = max(lost, key=lost.get)
            note = f"{lost[rate, keep_prob, method]} of {units} trials of {method} diverge"
            found = Interval(math.inf, math.inf, math.inf)
        else:
            found, index = over_trials([_growth] * len(norms), list(norms.values()), "largest")
            rate, keep_prob, method = list(norms)[index]
            note = f"of {len(norms)}, {method}"
        return with_interval(found, units, f"{note} at learning rate {rate:g}, keep {keep_prob:g}", "trial")


def _growth(norms: NDArray) -> float:
    """The largest growth of the three moments of norms (T, K) from the first step on."""
    moments = np.stack([np.mean(norms ** (2 * l), axis=0) ** (1 / (2 * l)) for l in (1, 2, 3)])
    return float((moments / moments[:, :1]).max())
