"""Whether learning rate and gradient-penalty weight are close where they train best (paper B, Fig. 3a)."""

import numpy as np
from numpy.typing import NDArray

from dropscape.claims.bootstrap import over_seeds
from dropscape.claims.objectives import at_end, runs_by_rate_and_weight
from dropscape.claims.statistic import ExperimentStatistic, Measured, Tables


class RateToPenalty(ExperimentStatistic):
    """Best learning rate of dropout over the best gradient-penalty weight of dropout plus R_2, by test accuracy."""

    def measure(self, tables: Tables, experiment: str, claim: str) -> Measured:
        """Measure it by the means over seeds at the end of training."""
        rates, weights = runs_by_rate_and_weight(tables, experiment)
        rows = at_end(tables, [*rates.values(), *weights.values()], "test_accuracy")

        def best(rows: NDArray) -> tuple[float, float]:
            means = np.split(rows.mean(axis=0), [len(rates)])
            return tuple(list(given)[int(np.argmax(mean))] for given, mean in zip((rates, weights), means, strict=True))

        rate, weight = best(rows)
        note = f"learning rate {rate:g} of {len(rates)}, penalty {weight:g} of {len(weights)}"
        return over_seeds(lambda rows: best(rows)[0] / best(rows)[1], rows, claim, experiment, note)
