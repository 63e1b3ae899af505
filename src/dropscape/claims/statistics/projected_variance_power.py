"""R² of the log-log fit of projected variance against Hessian eigenvalue (paper A, section 6.2)."""

from dropscape.claims.bootstrap import over_directions
from dropscape.claims.directions import SampleStatistic, projected_variance, r_squared
from dropscape.claims.statistic import Measured, Run, Tables


class ProjectedVariancePower(SampleStatistic):
    """R² of the log-log fit of projected variance against Hessian eigenvalue."""

    def measure(self, tables: Tables, run: Run, claim: str) -> Measured:
        """Measure it on the eigenvectors whose eigenvalue is not numerically zero."""
        return over_directions(r_squared, projected_variance(tables, run, self.sample), claim, run)
