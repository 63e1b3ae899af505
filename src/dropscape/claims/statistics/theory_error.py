"""How far closed forms are from the enumeration of every mask (paper A, section 8)."""

from dropscape.claims.measured import Measured, unmeasured, with_interval
from dropscape.claims.statistic import Tables, TheoryStatistic
from dropscape.numerics.intervals import median


class TheoryError(TheoryStatistic):
    """Median of a column over the networks."""

    def measure(self, tables: Tables) -> Measured:
        """Measure the median, because single networks are far off where their covariance nearly vanishes.

        A network counts once, with the median of its keep probabilities.
        """
        rows = self.rows(tables).dropna(subset=self.column)
        if rows.empty:
            return unmeasured("no defined point")
        values = rows.groupby("network")[self.column].median()
        return with_interval(median(values), len(values), f"largest {rows[self.column].max():.3g}", "network")
