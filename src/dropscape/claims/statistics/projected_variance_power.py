"""R² of the log-log fit of projected variance against Hessian eigenvalue (paper A, section 6.2)."""

from dropscape.claims.directions import SampleStatistic, projected_variance, r_squared
from dropscape.claims.measured import Measured, over_groups
from dropscape.claims.statistic import Run, Tables


class ProjectedVariancePower(SampleStatistic):
    """R² of the log-log fit of projected variance against Hessian eigenvalue."""

    drift_table = "projection_drift"

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it on the eigenvectors whose eigenvalue is not numerically zero."""
        return over_groups(r_squared, projected_variance(tables, run, self.sample, self.directions))
