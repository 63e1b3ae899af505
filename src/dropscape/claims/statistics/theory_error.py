"""How far closed forms are from the enumeration of every mask (paper A, section 8)."""

import numpy as np

from dropscape.claims.bootstrap import bootstrap
from dropscape.claims.statistic import Measured, Tables, TheoryStatistic, unmeasured


class TheoryError(TheoryStatistic):
    """Median of a column over the rows."""

    def measure(self, tables: Tables, claim: str) -> Measured:
        """Measure the median, because single networks are far off where their covariance nearly vanishes."""
        values = self.rows(tables)[self.column].dropna().to_numpy(dtype=float)
        if not len(values):
            return unmeasured("no defined point")
        return bootstrap(np.median, [values], claim, len(values), f"largest {values.max():.3g}")
