"""Whether learning rate and gradient-penalty weight are close where they train best (paper B, Fig. 3a)."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.objectives import at_end, runs_by_rate_and_weight
from dropscape.claims.statistic import ExperimentStatistic, Tables


class RateToPenalty(ExperimentStatistic):
    """Factor, at least 1, between the best learning rate of dropout and the best penalty weight, by test accuracy."""

    chance: bool = Field(
        False, description="Whether all pairs of the grid are meant, the geometric mean of their factors."
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it seed by seed at the end of training; the note has how often chance comes as close."""
        rates, weights = runs_by_rate_and_weight(tables, experiment)
        grid = np.abs(np.log(np.divide.outer(list(rates), list(weights))))
        if grid.size == 1:
            return unmeasured("there is one learning rate and one penalty")
        best = [at_end(tables, list(runs.values()), "test_accuracy").argmax(axis=1) for runs in (rates, weights)]
        found = grid[tuple(best)]
        if self.chance:
            return over_seeds(np.exp(np.full_like(found, grid.mean())), scale="log")
        close = np.mean([(grid <= one + 1e-9).mean() for one in found])
        rate, weight = (
            _listed(np.array(list(runs))[index]) for runs, index in zip((rates, weights), best, strict=True)
        )
        note = f"learning rates {rate} of {len(rates)}, penalties {weight} of {len(weights)}; "
        return over_seeds(np.exp(found), f"{note}chance comes as close in {100 * close:.0f} % of pairs", "log")


def _listed(values: NDArray) -> str:
    return ", ".join(f"{value:g}" for value in values)
