"""How far closed forms are from the enumeration of every mask (paper A, section 8)."""

from typing import Literal

import numpy as np

from dropscape.claims.bootstrap import bootstrap
from dropscape.claims.statistic import Measured, Tables, TheoryStatistic, unmeasured


class TheoryError(TheoryStatistic):
    """Median of a column over the rows."""

    name: Literal["theory_error"]

    def measure(self, tables: Tables, claim: str) -> Measured:
        """Measure the median, because single networks are far off where their covariance nearly vanishes."""
        values = self.rows(tables)[self.column].dropna().to_numpy(dtype=float)
        if not len(values):
            return unmeasured("no defined point")
        median = bootstrap(np.median, [values], claim)
        return Measured(median.value, median.low, median.high, len(values), f"largest {values.max():.3g}")
