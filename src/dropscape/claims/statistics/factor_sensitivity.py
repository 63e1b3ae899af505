"""How much the slope of variance and flatness depends on the loss's pre-factor (paper A, Definition 2)."""

from dataclasses import replace

import numpy as np

from dropscape.claims.directions import SampleStatistic, of_every_index, with_widths
from dropscape.claims.measured import Measured, over_settings, unmeasured
from dropscape.claims.statistic import Run, Tables
from dropscape.numerics.fits import power_law


class FactorSensitivity(SampleStatistic):
    """Largest relative change of the log-log slope when another pre-factor replaces 2."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it on the directions whose flatness every pre-factor defines."""
        interval = tables.run_table(run, "interval")
        factors = sorted(set(interval["factor"]) - {2.0})
        if not factors or 2.0 not in set(interval["factor"]):
            return unmeasured("flatness.factors needs 2 and another factor")
        groups = []
        for seed in sorted(set(interval["seed"])):
            given = tables, run, self.sample, self.directions, seed
            widths = {str(factor): with_widths(*given, factor)["width"] for factor in (2.0, *factors)}
            joined = with_widths(*given, 2.0).assign(**widths)
            groups.append(of_every_index(joined, ["variance", *widths]))
        if not all(map(len, groups)):
            return unmeasured("no defined point")
        slopes = np.array([[power_law(one, rows[:, 0]).slope for one in rows.T[1:]] for rows in groups])
        found = over_settings(slopes[:, 1:] / slopes[:, :1] - 1, "largest", magnitude=True)
        return replace(found, points=min(map(len, groups)))
