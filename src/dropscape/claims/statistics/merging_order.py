"""How fast gradient descent on L_S merges with dropout as the learning rate falls (paper C, section 6)."""

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.measured import Measured, with_interval
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.numerics.fits import power_law
from dropscape.numerics.intervals import jackknife


class MergingOrder(ExperimentStatistic):
    """Exponent of the learning rate in the largest difference of E R_S^drop and L_S along descent."""

    column: Literal["gap", "risk_gap"] = Field("gap", description="`risk_gap`: along descent on R_S instead of L_S.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the keep probability where it is farthest from 1; a jackknife over batches of trials."""
        table = tables.experiment_table(experiment, "merging")
        if table.empty:
            raise NotMeasuredError(f"{experiment} does not compare dropout's expected loss with that of descent")
        found = {}
        for keep_prob, rows in table.groupby("keep_prob"):
            gaps = rows.pivot_table(self.column, ["seed", "batch"], ["learning_rate", "step"])
            rates = gaps.columns.get_level_values("learning_rate").to_numpy()
            found[keep_prob] = jackknife(partial(_order, rates), gaps.to_numpy())
        keep_prob = max(found, key=lambda keep_prob: abs(found[keep_prob].value - 1))
        listed = ", ".join(f"{found[one].value:.3g} at keep {one:g}" for one in found)
        note = f"{listed}; each mean over a batch of trials"
        return with_interval(found[keep_prob], len(gaps), note, "mean")


def _order(rates: NDArray, gaps: NDArray) -> float:
    """The slope of log max over steps |mean over batches| of gaps (B, K) over the log of their rates (K,)."""
    means, distinct = np.abs(gaps.mean(axis=0)), np.unique(rates)
    return power_law(distinct, [means[rates == rate].max() for rate in distinct]).slope
