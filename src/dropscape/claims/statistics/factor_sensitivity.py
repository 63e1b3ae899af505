"""How much the slope of variance and flatness depends on the loss's pre-factor (paper A, Definition 2)."""

import numpy as np
from numpy.typing import NDArray

from dropscape.claims.bootstrap import over_directions
from dropscape.claims.directions import SampleStatistic, positive, with_widths
from dropscape.claims.statistic import Measured, Run, Tables, unmeasured
from dropscape.numerics.fits import power_law


class FactorSensitivity(SampleStatistic):
    """Largest relative change of the log-log slope when another pre-factor replaces 2."""

    def measure(self, tables: Tables, run: Run, claim: str) -> Measured:
        """Measure it on the directions whose flatness every pre-factor defines."""
        interval = tables.run_table(run, "interval")
        factors = sorted(set(interval["factor"]) - {2.0})
        if not factors or 2.0 not in set(interval["factor"]):
            return unmeasured("flatness.factors needs 2 and another factor")
        groups = []
        for seed in sorted(set(interval["seed"])):
            joined = [with_widths(tables, run, self.sample, seed, factor) for factor in (2.0, *factors)]
            groups.append(positive(np.column_stack([joined[0]["variance"], *(one["width"] for one in joined)])))

        def change(rows: NDArray) -> float:
            slopes = [power_law(rows[:, k], rows[:, 0]).slope for k in range(1, rows.shape[1])]
            return max(abs(slope / slopes[0] - 1) for slope in slopes[1:])

        return over_directions(change, groups, claim, run)
