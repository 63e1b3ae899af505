"""For how many random networks a statement holds (paper A, Proposition 1; paper B, Theorems 1 and 2)."""

from dropscape.claims.bootstrap import exact_share
from dropscape.claims.statistic import Measured, Tables, TheoryStatistic, unmeasured


class TheoryShare(TheoryStatistic):
    """Share of the rows for which a statement holds."""

    def measure(self, tables: Tables, claim: str) -> Measured:
        """Measure it with exact 95 % bounds; rows that were not judged are left out."""
        values = self.rows(tables)[self.column].dropna()
        count, total = int((values.astype(str) == "True").sum()), len(values)
        return exact_share(count, total) if total else unmeasured("no defined point")
