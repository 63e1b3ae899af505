"""Whether two quantities of random networks go together (paper A, end of section 8)."""

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured, unmeasured, with_interval
from dropscape.claims.statistic import Tables, TheoryStatistic
from dropscape.numerics.fits import spearman
from dropscape.numerics.intervals import jackknife


class TheoryRank(TheoryStatistic):
    """Spearman's rank correlation over the networks of a column and another one."""

    against: str = Field(description="The other column.")

    def measure(self, tables: Tables) -> Measured:
        """Measure it on the networks' medians over keep probabilities, with an interval from leaving each out."""
        rows = self.rows(tables).dropna(subset=[self.column, self.against])
        medians = rows.groupby("network")[[self.against, self.column]].median().to_numpy(dtype=float)
        if len(medians) < 4:
            return unmeasured("fewer than four networks")
        found = jackknife(spearman, medians).through(lambda bound: float(np.clip(bound, -1, 1)))
        return with_interval(found, len(medians), unit="network")
