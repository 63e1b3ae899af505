"""Whether learning rate and gradient-penalty weight are close where they train best (paper B, Fig. 3a)."""

import numpy as np
from numpy.typing import NDArray

from dropscape.claims.measured import Measured, over_seeds
from dropscape.claims.objectives import at_end, runs_by_rate_and_weight
from dropscape.claims.statistic import ExperimentStatistic, Tables


class RateToPenalty(ExperimentStatistic):
    """Best learning rate of dropout over the best gradient-penalty weight of dropout plus R_2, by test accuracy."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it seed by seed at the end of training."""
        rates, weights = runs_by_rate_and_weight(tables, experiment)
        rate, weight = (
            np.array(list(runs))[at_end(tables, list(runs.values()), "test_accuracy").argmax(axis=1)]
            for runs in (rates, weights)
        )
        note = f"learning rates {_listed(rate)} of {len(rates)}, penalties {_listed(weight)} of {len(weights)}"
        return over_seeds(rate / weight, note, "log")


def _listed(values: NDArray) -> str:
    return ", ".join(f"{value:g}" for value in values)
