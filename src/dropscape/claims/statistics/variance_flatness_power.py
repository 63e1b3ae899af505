"""R² of the log-log fit of principal variance against interval flatness (paper A, section 6.1)."""

from dropscape.claims.directions import SampleStatistic, r_squared, variance_flatness
from dropscape.claims.measured import Measured, over_groups
from dropscape.claims.statistic import Run, Tables


class VarianceFlatnessPower(SampleStatistic):
    """R² of the log-log fit of principal variance against interval flatness."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it on the directions whose variance and flatness are defined and not zero."""
        return over_groups(r_squared, variance_flatness(tables, run, self.sample, self.directions))
